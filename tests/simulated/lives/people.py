# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people do beside the rounds."""

from __future__ import annotations

from hypothesis import strategies as some

from simulator import opcodes

from .book import RANKS, TAG, pending_ids
from .cluster import INSTANCES, PLACES, TYPES, Nodes, event

STEPS = [f"OP_INSTANCE_{step}" for step in ("FAILOVER", "MIGRATE", "REPLACE_DISKS", "STARTUP", "SHUTDOWN")]
WORK = some.sampled_from(STEPS)


class People(Nodes):
    """People set tags, and have jobs of their own."""

    def tags(self, place: str) -> set[str]:
        """The tags of an object."""
        if place == "cluster":
            return self.cluster.tags
        return (self.cluster.groups.get(place) or self.cluster.instance(place)).tags

    def forget(self, kind: str, *places: str) -> None:
        """Remove the auto-repair tags that begin so, or hold it as a word, from some objects, or from all."""
        for place in places or PLACES:
            for tag in [tag for tag in self.tags(place) if tag.startswith(TAG + kind) or f":{kind}:" in tag]:
                self.tags(place).remove(tag)

    @event(place=some.sampled_from(PLACES), kind=some.none() | TYPES)
    def allow(self, place: str, kind: str | None) -> None:
        """One type is allowed, or none any more."""
        self.tags(place).difference_update(TAG + one for one in RANKS)
        self.tags(place).update([TAG + kind] if kind else [])

    @event(place=some.sampled_from(PLACES), seconds=some.sampled_from([60, 0, 60, 4000, None]))
    def suspend(self, place: str, seconds: int | None) -> None:
        """For some time, or until somebody thinks of it."""
        until = "" if seconds is None else f":{int(self.cluster.clock.now()) + seconds}"
        self.tags(place).add(f"{TAG}suspend{until}")

    @event()
    def tidy_up(self) -> None:
        """A person resumes all and looks at all failures."""
        for kind in ("suspend", "failure"):
            self.forget(kind)
        self.witness.called_off.clear()

    def speak(self, name: str) -> None:
        """A person says what is to become of an instance: what was called off before counts no more."""
        self.witness.called_off.pop(self.cluster.instance(name).uuid, None)

    @event(name=INSTANCES, kind=TYPES, op=some.none() | WORK)
    def ask(self, name: str, kind: str, op: str | None) -> None:
        """Somebody else has begun a repair, as harep does, with a job; or asks for one, once off, without."""
        self.speak(name)
        now, job = int(self.cluster.clock.now()), self.work(name, op) if op else ""
        self.tags(name).add(f"{TAG}pending:{kind}:ticket-{next(self.tickets)}:{now}:{job}")

    @event(name=INSTANCES, op=WORK)
    def work_on(self, name: str, op: str) -> None:
        """A person has a job of their own."""
        self.work(name, op)

    def work(self, name: str, op: str) -> int:
        """Submit a job of somebody else's; its id."""
        more = {"mode": "replace_new_secondary", "iallocator": "hail"} if "REPLACE" in op else {}
        return self.cluster.submit([opcodes.build(op, {"instance_name": name, **more})])

    @event(name=INSTANCES)
    def call_off(self, name: str) -> None:
        """A person removes pending tags by hand: what these repairs have half done is theirs to see to."""
        instance = self.cluster.instance(name)
        self.judge.take_over(instance, pending_ids(instance))
        self.forget("pending", name)
        self.speak(name)
