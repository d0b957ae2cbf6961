# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""People who take an instance into their own hands: they reinstall, restore and replace it, and copy its tags."""

from __future__ import annotations

from simulator import opcodes

from .book import TAG, about, pending_ids, words
from .chance import Chance
from .cluster import INSTANCES, LAYOUT, NODES, YES, event


class ByHand(Chance):
    """Instances in people's own hands."""

    def ready(self, name: str) -> bool:
        """Whether a person can take to an instance: its primary is online, it has disks, and no job is about it."""
        instance = self.cluster.instance(name)
        primary = self.cluster.node(instance.primary)
        return instance.has_disks and primary.alive and not primary.offline and not self.busy(name)

    def busy(self, name: str) -> bool:
        """Whether a job about an instance has not ended."""
        instance = self.cluster.instance(name)
        return any(about(job, instance) for job in self.witness.jobs.values() if not job.finished)

    @event(name=INSTANCES, start=YES)
    def restore(self, name: str, start: bool) -> None:
        """A person restores a backup onto the disks that are there, and may start the instance. A repair that is under
        way is suspended first, by a job, as nothing else would tell that the disks hold something again."""
        if self.witness.drained:
            return
        if pending_ids(self.cluster.instance(name)):
            tag = {"kind": "instance", "name": name, "tags": [f"{TAG}suspend"]}
            self.cluster.submit([opcodes.build("OP_TAGS_SET", tag)])
            self.simulator.advance(3)
        held = not pending_ids(self.cluster.instance(name)) or f"{TAG}suspend" in self.tags(name)
        if held and self.ready(name):
            self.speak(name)
            self.cluster.restore(name)
            if start:
                self.work(name, "OP_INSTANCE_STARTUP")

    @event(name=INSTANCES)
    def reinstall(self, name: str) -> None:
        """A person stops an instance and installs it anew."""
        if not self.witness.drained:
            self.speak(name)
            named = {"instance_name": name}
            self.cluster.submit([opcodes.build(f"OP_INSTANCE_{op}", named) for op in ("SHUTDOWN", "REINSTALL")])

    @event(name=INSTANCES, first=NODES, second=NODES)
    def recreate(self, name: str, first: str, second: str) -> None:
        """A person has the disks of an instance made elsewhere."""
        nodes = [first, second] if LAYOUT[name][2] else [first]
        if len(set(nodes)) == len(nodes) and self.cluster.instance(name).kind != "shared" and not self.witness.drained:
            self.speak(name)
            self.cluster.submit([opcodes.build("OP_INSTANCE_RECREATE_DISKS", {"instance_name": name, "nodes": nodes})])

    @event(name=INSTANCES, keep=YES)
    def make_anew(self, name: str, keep: bool) -> None:
        """An instance is removed and another made under its name; one that is imported keeps its tags."""
        instance = self.cluster.instance(name)
        template, _, _, admin_state = LAYOUT[name]
        if self.ready(name) and all(self.cluster.node(node).takes_instances for node in instance.nodes):
            uuid = f"{instance.uuid.partition('+')[0]}+{next(self.tickets)}"
            self.cluster.remove_instance(name)
            made = self.cluster.add_instance(name, template, *instance.nodes, admin_state=admin_state, uuid=uuid)
            made.always_failover, made.tags = instance.always_failover, set(instance.tags) if keep else set()
            self.note_copied(name, {tag for tag in made.tags if ":pending:" in tag})

    @event(name=INSTANCES, other=INSTANCES)
    def copy_tags(self, name: str, other: str) -> None:
        """The pending and result tags of an instance are copied to another, job numbers and all."""
        kinds = (f"{TAG}pending:", f"{TAG}result:")
        copied = {tag for tag in self.tags(name) if tag.startswith(kinds)} - self.tags(other)
        self.tags(other).update(copied)
        self.note_copied(other, copied)

    def note_copied(self, name: str, copied: set[str]) -> None:
        """Know these repairs of an instance for others'."""
        uuid = self.cluster.instance(name).uuid
        self.copied.update((uuid, tag[2]) for tag in words(copied))
