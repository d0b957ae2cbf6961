# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What must always hold, and what must hold in the end."""

from __future__ import annotations

import sys

from hypothesis.stateful import invariant

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import Action
from simulator.model import Instance

from ..direct import TRANSPORTS
from .book import BEHIND, TAG, foreign, in_force, is_behind, pending_ids, says, state_of, words
from .cluster import PLACES
from .rounds import Rounds


class Life(Rounds):
    """A cluster, what befalls it, the rounds that look after it, and the laws that hold all along."""

    @invariant()
    def laws(self) -> None:
        """No law was broken on the way, and states are named as the design names them."""
        self.judge.look()
        assert not self.witness.broken, "\n".join(self.witness.broken)
        for name, instance in self.cluster.instances.items():
            ids = [one for one in pending_ids(instance) if one.startswith("repair-")]
            ours = [one for one in ids if (instance.uuid, one) not in self.copied]
            assert len(ours) < 2, f"law 2: {name} has {ours} pending"
        self.cluster.sync()
        now = self.cluster.clock.now()
        usual = [(name, instance) for name, instance in self.cluster.instances.items() if not self.odd(name)]
        meant = {name: state_of(self.cluster, instance, now) for name, instance in usual}  # a look may take seconds
        self.site.transport = "luxi"  # the quicker one
        plan = self.site.plan_round()
        self.due = plan.writes
        named = {case.instance.name: case.state.value for case, action in plan.rows}
        assert {name: named[name] for name in meant} == meant, "section 4: states are not true"
        silent = {case.instance.name for case, action in plan.rows if action.kind.value == "none"}
        stale = [name for name in self.judge.stale() if name in silent and named[name] == "healthy"]
        assert not stale, f"data: {stale} lost their disks to volumes left over, and nobody says so"

    def odd(self, name: str) -> bool:
        """Whether an instance has tags that name another's jobs: its state is not asked for."""
        instance = self.cluster.instance(name)
        return any(foreign(tag, instance, self.witness.jobs) for tag in words(instance.tags))

    def teardown(self) -> None:
        """In the end all troubles are over: every pending tag ends, or waits for something that is really missing."""
        if sys.exc_info()[0] is None and not self.witness.broken:
            self.calm()
            self.wind_up()

    def calm(self) -> None:
        """End all troubles, suspends and unreadable tags; nodes come back, or stay and everything is allowed."""
        self.witness.drained = False
        self.simulator.troubles.waiting.clear()
        self.release()
        self.simulator.advance(1000)  # what a job on its way still sets is seen
        self.tidy_up()
        self.cluster.reconnects = True
        for instance in self.cluster.instances.values():
            if not pending_ids(instance):
                self.mend_disks(instance)
        if not self.merciful:
            for place in PLACES:
                self.allow(place, None)
            self.allow("cluster", "reinstall")
        for node in self.cluster.nodes.values():
            node.offline = not self.merciful and (node.offline or not node.alive)
            node.drained &= not self.merciful
            node.alive |= self.merciful

    def wind_up(self) -> None:
        """Play rounds with an hour between them until no repair is pending."""
        self.simulator.advance(1000)  # the claims of the dead have run out
        for number in range(40):
            self.look_after_all()
            if number > 20:
                self.mend_mirrors()
            self.play(TRANSPORTS[number % 2])
            self.simulator.advance(30)
            self.laws()
            if number and not self.stuck():
                break
            self.simulator.advance(3600)
        assert not self.stuck(), f"pending tags never end: {self.stuck()}"
        self.simulator.advance(1000)
        self.cluster.tags.add(f"{TAG}suspend:1")  # a round that has nothing to write clears nothing up
        self.play("luxi")
        self.simulator.advance(60)
        self.laws()
        assert not [tag for tag in words(self.cluster.tags) if tag[0] == "claim"], "a claim is left"

    def look_after_all(self) -> None:
        """A person looks at failures, tags that name jobs of others, copies in doubt, and claims by wrong clocks."""
        for kind in ("suspend", "failure"):  # a suspend may have waited for its instance's lock until now
            self.forget(kind)
        far = [tag for tag in self.cluster.tags if ":claim:" in tag and in_force(tag, self.cluster.clock.now() + 3600)]
        self.cluster.tags.difference_update(far)
        for name, instance in self.cluster.instances.items():
            if self.odd(name):
                self.call_off(name)
            if any(tag.startswith(BEHIND) for tag in instance.tags) and self.asked_about_copies(name):
                if is_behind(self.cluster, instance, instance.primary):
                    self.mend_disks(instance, doubted=True)
                instance.tags = {tag for tag in instance.tags if not tag.startswith(BEHIND)}

    def mend_mirrors(self) -> None:
        """A person helps what is tried in vain: removes volumes that are left over where a new copy is to be; and makes
        the disks anew where copies never come together, as each has been written to apart, or as one is missing since
        a recreation by hand."""
        for name, instance in self.cluster.instances.items():
            if self.busy(name):
                continue
            copies = instance.data.copies
            if name in self.cluster.apart or not set(instance.places) <= set(copies):
                self.mend_disks(instance, doubted=True)
            for place in set(copies).difference(instance.places):
                del copies[place]

    def asked_about_copies(self, name: str) -> bool:
        """Whether the copies of an instance are for a person: no job is about it, and no repair of it is pending, which
        might fill its disks, or the one that is waits for that person."""
        if self.busy(name):
            return False
        if not pending_ids(self.cluster.instance(name)):
            return True
        rows = {case.instance.name: action for case, action in self.rehearse("luxi").before.rows}
        return why_of(rows[name]) == "behind"

    def mend_disks(self, instance: Instance, doubted: bool = False) -> None:
        """A person removes leftover volumes, and restores a backup where there is nothing to start from, or what there
        is is not known to be its data."""
        self.judge.look()  # at what there is to be mended
        copies = instance.data.copies
        for place in set(copies).difference(instance.places):
            del copies[place]
        if doubted or not all(place in copies and copies[place].readable for place in instance.places):
            instance.data.make_empty(instance.places)
            self.cluster.apart.discard(instance.name)
            self.cluster.restore(instance.name)

    def stuck(self) -> dict[str, str]:
        """The instances with pending repairs that wait for nothing that is really missing, with the engine's reason."""
        rows = {case.instance.name: action for case, action in self.rehearse("luxi").before.rows}
        return {
            name: rows[name].reason
            for name, instance in self.cluster.instances.items()
            if pending_ids(instance) and not self.waits_truly(name, rows[name])
        }

    def waits_truly(self, name: str, action: Action) -> bool:
        """Whether it waits for room where there is none, for the drained node that has the only copy, or, half-way
        through a reinstall, for a person to take away what else somebody has asked for."""
        instance = self.cluster.instance(name)
        why = why_of(action)
        if "somebody else's repair is pending" in action.reason:
            ids = pending_ids(instance)
            return len(ids) > 1 or not ids[0].startswith("repair-") or (instance.uuid, ids[0]) in self.copied
        primary, *others = (self.cluster.node(node) for node in instance.nodes)
        if why == "last_copy_drained":
            return primary.offline and [says(node) for node in others] == ["drained"]
        group = [node for node in self.cluster.nodes.values() if node.group == primary.group and node.takes_instances]
        wanted = 2 if primary.offline and others and others[0].offline else 1
        used = [] if wanted == 2 else [node for node in group if node.name in instance.nodes]
        return why in ("no_room", "no_node") and len(group) - len(used) < wanted


def why_of(action: Action) -> str:
    """The name of an action's reason; empty where it has none."""
    return action.why.value if action.why else ""
