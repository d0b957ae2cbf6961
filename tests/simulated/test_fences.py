# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person fences a node of a simulated cluster: killed at every request and begun anew, with faults."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_outcome import NodeOutcome, tell
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_step import carry_out_wish
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_wish import Wish
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AutorepairError,
    BadOption,
    Held,
    NodeStepFailed,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.offline import Proof
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.nodes import look_at_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions
from simulator import JobTrouble, RequestFault, Simulator
from simulator.faults import DROP_AFTER, DROP_BEFORE, Action

from .conftest import Site
from .direct import TRANSPORTS, direct_client
from .killing import Killed

NODEWATCH = "ganeti:watcher:nodewatch:"
OPTIONS = NodeOptions(looks=2)


@dataclass
class Room:
    """A cluster, one node of which is cut off, and that node's power switch; whoever comes here fences it."""

    transport: str
    site: Site = field(init=False)
    power: str = "on"
    orders: int = 0

    def __post_init__(self) -> None:
        """Build it."""
        self.site = Site(Simulator(), self.transport, direct=True)
        self.site.cluster.power_off("node3")

    @property
    def is_marked(self) -> bool:
        """Whether the node is marked offline."""
        return bool(self.site.cluster.node("node3").offline)

    @property
    def tags(self) -> list[list[str]]:
        """What the cluster's tags say of the node, without its UUID, the incident's id and the time."""
        found = [tag.removeprefix(NODEWATCH) for tag in self.site.cluster.tags if tag.startswith(NODEWATCH)]
        return sorted([stage, *words] for stage, _node, _id, _time, *words in (tag.split(":") for tag in found))

    def looks(self, count: int = 2) -> Any:
        """So many looks by the cluster and others, ten seconds apart."""
        made: Any = {}
        looks = []
        for _ in range(count):
            self.site.simulator.advance(10)
            made = look_at_nodes(direct_client(self.site.simulator, self.transport), self.site.cluster.clock.now, 20)
            alive = {name: bool(node.alive) for name, node in self.site.cluster.nodes.items()}
            reach = {name: "answers" if answers else "silent" for name, answers in alive.items()}
            witnesses = [name for name, answers in alive.items() if answers]
            seen = [{"name": "controller", "reach": reach}]
            seen += [{"name": name, "master": "node1", "reach": reach} for name in witnesses]  # type: ignore[dict-item]
            looks.append({**made["looks"][0], "asked": witnesses, "observers": seen})
        return {**made, "looks": looks}

    def wish(self, given: Any, dry: bool = False, **changes: Any) -> list[NodeOutcome]:
        """What the module writes."""
        client = direct_client(self.site.simulator, self.transport)
        wish = Wish(("node3",), **changes)
        return list(carry_out_wish(wish, given, OPTIONS, DryRunClient(client) if dry else client, self.site.terms()))

    def switch_off(self) -> Proof:
        """What the user's file does."""
        if self.power == "on":
            self.power, self.orders = "off", self.orders + 1
        return Proof("node3", "fence_agent", True)

    def fence(self) -> list[NodeOutcome]:
        """All that the playbook does, up to the mark."""
        begun = self.wish(self.looks())
        assert not any(done.error for done in begun), begun
        return self.wish(self.looks(1), proofs=(self.switch_off(),))


def watched(room: Room, kill_at: int = -1) -> list[str]:
    """Hold the laws at each request to the room's cluster, and kill whoever comes to this point: two for each request,
    before it and after it. Returns the list in which the requests will stand."""
    seen: list[str] = []

    def check(at: int) -> None:
        if room.is_marked:
            assert room.power == "off" and ["fenced", "fence_agent"] in room.tags, (seen, room.tags)
        if at >= kill_at >= 0:
            raise Killed

    def before(request: Any) -> None:
        check(2 * len(seen))

    def after(request: Any, _answer: Any) -> None:
        seen.append(str(request.path))
        check(2 * len(seen) - 1)

    room.site.simulator.hooks.before[:], room.site.simulator.hooks.after[:] = [before], [after]
    return seen


def fenced_once(room: Room) -> None:
    """All is as it should be after a fence."""
    room.site.simulator.advance_until_idle()
    assert room.is_marked and room.power == "off" and room.orders == 1
    assert room.tags == [["fenced", "fence_agent"]]
    marks = [job for job in room.site.cluster.queue.jobs.values() if "NODE_SET_PARAMS(node3)" in job.summary]
    assert [job.status for job in marks].count("success") == 1, marks


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_killed_at_every_request_and_begun_anew(transport: str) -> None:
    """Never marked without power's word, and nothing twice; while the dead one's claim holds, nobody else writes."""
    room = Room(transport)
    points = 2 * len((seen := watched(room), room.fence())[0])
    fenced_once(room)
    assert points > 40, seen
    for point in (*range(0, points, 2), points - 1):  # after a request all is as it is before the next one
        room = Room(transport)
        watched(room, point)
        with pytest.raises(Killed):
            room.fence()
        watched(room)
        room.site.simulator.advance(30)
        try:
            room.fence()
        except Held:
            room.site.simulator.advance(320)  # the dead one's claim runs out
            room.fence()
        fenced_once(room)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_again_when_all_is_done(transport: str) -> None:
    """Nothing is written."""
    room = Room(transport)
    room.fence()
    jobs = len(room.site.cluster.queue.jobs)
    result = tell(room.fence(), dry=False)
    assert not result["changed"] and len(room.site.cluster.queue.jobs) == jobs
    fenced_once(room)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_check_mode_writes_nothing(transport: str) -> None:
    """It says what it would do, of each part."""
    room = Room(transport)
    told = tell(room.wish(room.looks(), dry=True), dry=True)
    assert told["changed"] and "would add" in told["report"][0] and "may be powered off" in told["report"][0]
    told = tell(room.wish(room.looks(), dry=True, words="Anna"), dry=True)
    assert "would mark it offline" in told["report"][0]
    assert not room.site.cluster.queue.jobs and not room.tags


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_two_at_once(transport: str) -> None:
    """The second comes while the first is at the power switch, and ends before it."""
    room = Room(transport)
    room.wish(room.looks())
    room.fence()
    again = room.wish(room.looks(1), proofs=(room.switch_off(),))
    assert not tell(again, dry=False)["changed"]
    fenced_once(room)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_node_that_comes_back_under_the_claim(transport: str) -> None:
    """Others saw it dead; before anything is written the master gets an answer from it."""
    room = Room(transport)
    given = room.looks()
    room.site.cluster.power_on("node3")
    with pytest.raises(BadOption, match="it is healthy"):
        room.wish(given)
    assert not room.site.cluster.queue.jobs
    room.site.cluster.power_off("node3")
    room.wish(room.looks())
    proof, given = room.switch_off(), room.looks(1)
    room.site.cluster.power_on("node3")
    with pytest.raises(NodeStepFailed, match="but it lives, by the master"):
        tell(room.wish(given, proofs=(proof,)), dry=False)
    assert room.tags == [["failed", "answers"]] and not room.is_marked


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_looks_that_are_old_or_of_another_cluster(transport: str) -> None:
    """They count for nothing."""
    room = Room(transport)
    given = room.looks()
    with pytest.raises(BadOption, match="another cluster"):
        room.wish({**given, "cluster": {**given["cluster"], "uuid": "another"}})
    room.site.simulator.advance(130)
    with pytest.raises(BadOption, match=r"the last look at the nodes is 1\d\d s old"):
        room.wish(given)
    assert not room.site.cluster.queue.jobs


OVER_RAPI = {
    "OP_TAGS_SET": ("PUT", "/2/tags"),
    "OP_TAGS_DEL": ("DELETE", "/2/tags"),
    "OP_NODE_SET_PARAMS": ("POST", "/2/nodes/node3/modify"),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("opcode", OVER_RAPI)
@pytest.mark.parametrize("action", [DROP_BEFORE, DROP_AFTER])
def test_a_lost_request_or_answer(transport: str, opcode: str, action: Action) -> None:
    """The run says so, or does without; the next one ends it."""
    room = Room(transport)
    watched(room)
    method, path = OVER_RAPI[opcode] if transport == "rapi" else ("SubmitJob", f"*{opcode}*")
    room.site.simulator.faults.add(RequestFault(method, path, action))
    for _ in range(3):
        try:
            tell(room.fence(), dry=False)
        except AutorepairError as error:
            assert any(word in str(error) for word in ("node3", "claim", "tags")), error
        room.site.simulator.advance(320)
    fenced_once(room)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("opcode", ["OP_TAGS_SET", "OP_NODE_SET_PARAMS"])
def test_a_job_that_fails(transport: str, opcode: str) -> None:
    """It is told, with what Ganeti said; nothing that rests on it is done."""
    room = Room(transport)
    room.wish(room.looks())
    proof, given = room.switch_off(), room.looks(1)
    room.site.simulator.troubles.add(JobTrouble(opcode, "fail", text="No such luck"))
    with pytest.raises(AutorepairError, match="No such luck"):
        tell(room.wish(given, proofs=(proof,)), dry=False)
    assert not room.is_marked
    room.site.simulator.advance(320)
    room.fence()
    fenced_once(room)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_job_that_waits_for_the_dead_node_is_named(transport: str) -> None:
    """The mark itself, here; once it has ended, the next run goes on, and sends no other."""
    room = Room(transport)
    room.wish(room.looks())
    proof, given = room.switch_off(), room.looks(1)
    room.site.simulator.troubles.add(JobTrouble("OP_NODE_SET_PARAMS", "hang"))
    words = r"job \d+ \(mark-node-offline of node node3\) is running after 120 s; no other job runs; Ganeti may wait"
    with pytest.raises(NodeStepFailed, match=words):
        tell(room.wish(given, proofs=(proof,)), dry=False)
    assert room.tags == [["fenced", "fence_agent"], ["fencing"]] and not room.is_marked
    room.site.simulator.advance(320)
    with pytest.raises(NodeStepFailed, match="is running after 120 s"):
        tell(room.fence(), dry=False)
    room.site.simulator.advance(320)
    (job,) = room.site.simulator.troubles.hanging
    room.site.simulator.troubles.release(room.site.cluster, job)
    tell(room.fence(), dry=False)
    fenced_once(room)
