# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A node of a simulated cluster comes back: killed at every request and begun anew, with faults."""

from __future__ import annotations

from collections.abc import Sequence
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
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.readmission import Readmission
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.nodes import look_at_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions
from simulator import JobTrouble, RequestFault, Simulator
from simulator.faults import DROP_AFTER, DROP_BEFORE, Action

from .conftest import Site
from .direct import TRANSPORTS, direct_client
from .killing import Killed
from .test_fences import NODEWATCH

OPTIONS = NodeOptions(looks=2)


@dataclass
class Return:
    """A cluster, one node of which is back from the repair, and still marked offline; `own` is what it tells."""

    transport: str
    site: Site = field(init=False)
    booted: float = 0.0
    own: tuple[str, ...] = ("guests told", "config is there", "volume a.disk0 gone1", "missing 0 xenvg")

    def __post_init__(self) -> None:
        """Build it: web1's mirror is on node3, which was fenced."""
        self.site = Site(Simulator(), self.transport, direct=True)
        self.site.cluster.add_instance("web1", "drbd", "node2", "node3")
        node = self.site.cluster.node("node3")
        self.site.cluster.tags.add(f"{NODEWATCH}fenced:{node.uuid}:0000abcd:5:fence_agent")
        node.offline, node.master_candidate = True, False
        for name in ("node1", "node2", "node4"):
            self.site.cluster.node(name).master_candidate = True
        self.site.simulator.advance(10)
        self.booted = self.site.cluster.clock.now()

    @property
    def state(self) -> str:
        """What the node is marked as."""
        node = self.site.cluster.node("node3")
        return "offline" if node.offline else "drained" if node.drained else "used"

    @property
    def tags(self) -> list[str]:
        """The stages that the cluster's tags remember."""
        found = [tag.removeprefix(NODEWATCH) for tag in self.site.cluster.tags if tag.startswith(NODEWATCH)]
        return sorted(tag.split(":")[0] for tag in found)

    @property
    def marks(self) -> list[str]:
        """How the jobs that mark the node have ended."""
        jobs = self.site.cluster.queue.jobs.values()
        return [job.status for job in jobs if "NODE_SET_PARAMS(node3)" in job.summary]

    def looks(self, count: int = 2) -> Any:
        """So many looks by the cluster, others and the node itself, ten seconds apart."""
        made: Any = {}
        looks = []
        for _ in range(count):
            self.site.simulator.advance(10)
            clock = self.site.cluster.clock.now
            made = look_at_nodes(direct_client(self.site.simulator, self.transport), clock, 20, instances=True)
            names = [name for name in self.site.cluster.nodes if name != "node3"]
            reach = dict.fromkeys((*names, "node3"), "answers")
            seen = [{"name": name, "reach": reach} for name in ("controller", *names)]
            now = int(clock())
            own = [line for line in self.own if line != "config is there" or self.marks.count("success") < 3]
            up = f"up {now - int(self.booted)}"
            said = "\n".join(["look 1", "boot_id b", "end", f"clock {now} {now}", up, *own, "whole"])
            looks.append(
                {**made["looks"][0], "asked": names, "observers": seen, "answers": {"node3": said}, "deep": ["node3"]}
            )
        return {**made, "looks": looks}

    def readmit(self, given: Any = None, dry: bool = False, **wanted: Any) -> list[NodeOutcome]:
        """What the module writes."""
        client = direct_client(self.site.simulator, self.transport)
        wish = Wish(("node3",), back=Readmission(2, **wanted))
        seen = given or self.looks()
        return list(carry_out_wish(wish, seen, OPTIONS, DryRunClient(client) if dry else client, self.site.terms()))

    def whole_way(self) -> None:
        """Back, on probation, and used."""
        tell(self.readmit(), dry=False)
        tell(self.readmit(undrain=True), dry=False)


WAY = ["offline", "drained", "used"]


def watched(way: Return, kill_at: int = -1) -> list[str]:
    """Hold at each request that the node is used only after it was drained and on probation, and kill whoever comes to
    this point: two for each request. Returns the list in which the requests will stand."""
    seen: list[str] = []
    states = [way.state]

    def check(at: int) -> None:
        assert WAY.index(way.state) - WAY.index(states[-1]) in (0, 1), (states, way.state)
        states.append(way.state)
        if way.state == "drained":
            assert "probation" in way.tags, (seen, way.tags)
        if at >= kill_at >= 0:
            raise Killed

    def before(request: Any) -> None:
        check(2 * len(seen))

    def after(request: Any, _answer: Any) -> None:
        seen.append(str(request.path))
        check(2 * len(seen) - 1)

    way.site.simulator.hooks.before[:], way.site.simulator.hooks.after[:] = [before], [after]
    return seen


def is_used(way: Return, marks: Sequence[int] = (4,)) -> None:
    """All is as it should be at the end: drained, regular, and then for a moment a candidate, each once."""
    way.site.simulator.hooks.before[:], way.site.simulator.hooks.after[:] = [], []
    way.site.simulator.advance_until_idle()
    assert way.state == "used" and way.tags == [], (way.state, way.tags)
    assert way.marks.count("success") in marks, way.marks
    jobs = [str(job.summary) for job in way.site.cluster.queue.jobs.values()]
    assert len([job for job in jobs if "INSTANCE_ACTIVATE_DISKS" in job]) <= 2, jobs  # once, or once more after a kill


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_killed_at_every_request_and_begun_anew(transport: str) -> None:
    """It is never used without its probation, and no mark is set twice."""
    way = Return(transport)
    points = 2 * len((seen := watched(way), way.whole_way())[0])
    is_used(way)
    assert points > 60, seen
    for point in (*range(0, points, 2), points - 1):  # after a request all is as it is before the next one
        way = Return(transport)
        watched(way, point)
        with pytest.raises(Killed):
            way.whole_way()
        watched(way)
        way.site.simulator.advance(30)
        for _again in range(2):
            try:
                tell(way.readmit(undrain=True), dry=False)
            except Held:
                way.site.simulator.advance(320)  # the dead one's claim runs out
                tell(way.readmit(undrain=True), dry=False)
        is_used(way, (3, 4))  # whoever is killed while it is a candidate leaves it so


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_step_by_step(transport: str) -> None:
    """What is told at each; the mirror of web1 syncs, and a volume of an instance that is gone is named."""
    way = Return(transport)
    (line,) = tell(way.readmit(dry=True), dry=True)["report"]
    assert "would mark it drained" in line and way.state == "offline" and not way.site.cluster.queue.jobs
    told = tell(way.readmit(), dry=False)
    assert way.state == "drained" and way.tags == ["probation"] and told["nodes"][0]["marked"] == "drained"
    note = told["nodes"][0]["note"]
    assert "activates the disks of web1, is success: gnt-instance info web1 shows whether its mirror syncs" in note
    assert "xenvg/a.disk0 was a disk of gone1" in note
    jobs = len(way.site.cluster.queue.jobs)
    told = tell(way.readmit(), dry=False)
    assert not told["changed"] and "on probation for another" in told["report"][0]
    assert len(way.site.cluster.queue.jobs) == jobs
    way.site.simulator.advance(3600)
    told = tell(way.readmit(), dry=False)
    assert told["nodes"][0]["marked"] == "regular" and told["nodes"][0]["tags_removed"]
    is_used(way)
    assert not tell(way.readmit(), dry=False)["changed"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_who_has_mirrors_elsewhere_is_left_alone(transport: str) -> None:
    """Only the disks of instances that should be up, and whose mirror is there, are activated."""
    way = Return(transport)
    way.site.cluster.add_instance("web2", "drbd", "node2", "node4")
    way.site.cluster.add_instance("web3", "plain", "node2")
    way.site.cluster.add_instance("web4", "drbd", "node2", "node3", admin_state="down")
    way.readmit()
    summaries = [job.summary for job in way.site.cluster.queue.jobs.values()]
    found = [summary for summary in summaries if "INSTANCE_ACTIVATE_DISKS" in str(summary)]
    assert len(found) == 1 and "web1" in str(found[0])


OVER_RAPI = {
    "OP_TAGS_SET": ("PUT", "/2/tags"),
    "OP_TAGS_DEL": ("DELETE", "/2/tags"),
    "OP_NODE_SET_PARAMS": ("POST", "/2/nodes/node3/modify"),
    "OP_INSTANCE_ACTIVATE_DISKS": ("PUT", "/2/instances/web1/activate-disks"),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("opcode", OVER_RAPI)
@pytest.mark.parametrize("action", [DROP_BEFORE, DROP_AFTER])
def test_a_lost_request_or_answer(transport: str, opcode: str, action: Action) -> None:
    """The run says so, or does without; the next ones end it."""
    way = Return(transport)
    watched(way)
    method, path = OVER_RAPI[opcode] if transport == "rapi" else ("SubmitJob", f"*{opcode}*")
    way.site.simulator.faults.add(RequestFault(method, path, action))
    for _ in range(4):
        try:
            tell(way.readmit(undrain=True), dry=False)
        except AutorepairError as error:
            assert any(word in str(error) for word in ("node3", "claim", "tags", "web1")), error
        way.site.simulator.advance(320)
    is_used(way)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_node_whose_daemon_does_not_answer(transport: str) -> None:
    """Ganeti asks it for its version before it takes it back: it stays offline, and the command is named."""
    way = Return(transport)
    given = way.looks()
    way.site.cluster.power_off("node3")
    with pytest.raises(NodeStepFailed, match=r"fails to report its version.*gnt-node add --readd node3"):
        tell(way.readmit(given), dry=False)
    assert way.state == "offline"
    way.site.simulator.advance(320)
    way.site.cluster.power_on("node3")
    way.whole_way()
    is_used(way)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_disks_that_can_not_be_activated(transport: str) -> None:
    """It is back all the same, and the job is named; Ganeti's watcher tries again."""
    way = Return(transport)
    way.site.simulator.troubles.add(JobTrouble("OP_INSTANCE_ACTIVATE_DISKS", "fail", text="No such luck"))
    (line,) = tell(way.readmit(), dry=False)["report"]
    assert "activates the disks of web1, is error: see gnt-job info" in line and way.state == "drained"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_guest_that_never_stopped(transport: str) -> None:
    """Nothing is written."""
    way = Return(transport)
    way.own = ("guest web1", *way.own)
    with pytest.raises(BadOption, match="web1 runs there"):
        way.readmit()
    assert not way.site.cluster.queue.jobs and way.state == "offline"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_person_marks_it_again_meanwhile(transport: str) -> None:
    """While it is on probation: then it comes back anew, and begins its probation again."""
    way = Return(transport)
    way.readmit()
    way.site.simulator.advance(3600)
    node = way.site.cluster.node("node3")
    node.offline, node.drained = True, False
    told = tell(way.readmit(), dry=False)
    assert told["nodes"][0]["marked"] == "drained" and way.state == "drained"
    assert "on probation for another" in tell(way.readmit(), dry=False)["report"][0]


def marked(way: Return, **flags: bool) -> None:
    """What somebody else marks the node as."""
    node = way.site.cluster.node("node3")
    for flag, value in flags.items():
        setattr(node, flag, value)


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("flags", [{"offline": True, "drained": False}, {"drained": False}], ids=["offline", "used"])
def test_somebody_marks_it_after_the_looks(transport: str, flags: dict[str, bool]) -> None:
    """Nothing is written: nobody has looked at it since."""
    way = Return(transport)
    way.readmit()
    given, jobs = way.looks(), len(way.site.cluster.queue.jobs)
    marked(way, **flags)
    with pytest.raises(BadOption, match=r"it has been marked (offline|online) since; look again"):
        way.readmit(given, undrain=True)
    assert len(way.site.cluster.queue.jobs) == jobs


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("flags", [{"offline": True}, {"drained": True}], ids=["offline", "drained"])
def test_somebody_marks_it_as_soon_as_it_is_used(transport: str, flags: dict[str, bool]) -> None:
    """That mark stays, and so does the tag; the run says so."""
    way = Return(transport)
    way.readmit()
    hooks, done = way.site.simulator.hooks, []

    def after(_request: Any, _answer: Any) -> None:
        if way.state == "used" and not done:
            done.append(True)
            marked(way, **flags)

    hooks.after[:] = [after]
    with pytest.raises(NodeStepFailed, match="node3: it is used again, but somebody has marked it"):
        tell(way.readmit(undrain=True), dry=False)
    way.site.simulator.advance_until_idle()
    assert way.state == next(iter(flags)) and way.tags == ["probation"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_it_dies_after_the_looks(transport: str) -> None:
    """It is not used."""
    way = Return(transport)
    way.readmit()
    given = way.looks()
    way.site.cluster.power_off("node3")
    with pytest.raises(BadOption, match="its node daemon does not answer the master"):
        way.readmit(given, undrain=True)
    assert way.state == "drained"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_comes_after_the_mark_is_no_failure(transport: str) -> None:
    """The node is back; that nobody has looked for leftovers is told."""
    way = Return(transport)
    method, path = ("GET", "/2/query/instance") if transport == "rapi" else ("Query", "*instance*")
    given = way.looks()
    way.site.simulator.faults.add(RequestFault(method, path, DROP_BEFORE, times=50))
    (line,) = tell(way.readmit(given), dry=False)["report"]
    assert "nobody has looked for volumes that are left over" in line and way.state == "drained"
    assert "not all mirrors there were asked to sync" in line


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_somebody_marks_it_while_the_cluster_is_claimed(transport: str) -> None:
    """All is decided again under the claim."""
    way = Return(transport)
    way.readmit()
    given = way.looks()

    def after(_request: Any, _answer: Any) -> None:
        if any(":claim:" in tag for tag in way.site.cluster.tags):
            marked(way, offline=True, drained=False)

    way.site.simulator.hooks.after[:] = [after]
    with pytest.raises(BadOption, match="it has been marked offline since"):
        way.readmit(given, undrain=True)
    assert way.marks == ["success"]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_two_nodes_and_the_lost_answer_of_one(transport: str) -> None:
    """The claim stays, whatever becomes of the other one: the lost request may still arrive."""
    way = Return(transport)
    way.readmit()
    other = way.site.cluster.node("node5")
    other.offline = True
    given = way.looks()
    for look in given["looks"]:
        look["answers"]["node5"] = look["answers"]["node3"]
        look["deep"].append("node5")
        look["observers"] = [seen for seen in look["observers"] if seen["name"] != "node5"]
        for seen in look["observers"]:
            seen["reach"] = {**seen["reach"], "node5": "answers"}
    opcode = "*OP_NODE_SET_PARAMS*node5*"
    method, path = ("POST", "/2/nodes/node5/modify") if transport == "rapi" else ("SubmitJob", opcode)
    way.site.simulator.faults.add(RequestFault(method, path, DROP_BEFORE))
    client = direct_client(way.site.simulator, transport)
    wish = Wish(("node3", "node5"), back=Readmission(2, undrain=True))
    written = carry_out_wish(wish, given, OPTIONS, client, way.site.terms())
    assert not written[0].error and written[1].error and way.state == "used" and other.offline
    assert any(":claim:" in tag for tag in way.site.cluster.tags)
