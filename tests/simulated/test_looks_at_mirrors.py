# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Looks at the mirrors: what is behind is remembered, nothing fails over to it, and it is forgotten once it is in sync;
over both transports, told by the nodes themselves or by jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import FILTER
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import request
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands import run as change
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.apply import carry_out_changes
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption, ClockWrong
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import Filter, cases_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import RunContext
from playbook import Run, play
from simulator import JobTrouble, Simulator
from simulator.model import Instance
from simulator.mond import Mond
from simulator.simulator import wall_clock_cluster

from .conftest import TAG, Site
from .direct import TRANSPORTS
from .test_here_or_sent import reach
from .test_nothing_that_lives_is_wiped import BEHIND, in_doubt, jobs, rounds, told

Result = Mapping[str, Any]
MODULE = "ganeti.autorepair.ganeti_autorepair_mirrors"
REQUEST = "ganeti.autorepair.ganeti_autorepair_request"


class Looks:
    """A site whose mirrors stay apart until somebody connects them, and looks at them."""

    def __init__(self, site: Site, mond: Mond) -> None:
        """Let there be web, which may be failed over, on node3 with its copy on node2."""
        self.site, self.cluster, self.mond = site, site.cluster, mond
        self.cluster.reconnects = False
        site.allow("failover")
        self.web = self.add("web")

    def add(self, name: str, **settings: object) -> Instance:
        """Another one, on the same nodes if it isn't said otherwise."""
        nodes = [str(settings.pop(role, node)) for role, node in (("primary", "node3"), ("secondary", "node2"))]
        return self.cluster.add_instance(name, "drbd", *nodes, **settings)

    def look(self, *names: str, check: bool = False, ahead: float = 0.0, **options: int) -> Result:
        """What the module returns, on a machine whose clock is so much ahead."""
        given: dict[str, Any] = {**{name: [] for name in FILTER}, "instances": names or ["*"], "reason": ""}
        given |= {"mond_port": self.mond.port, "probe_timeout": 2, **options}

        def fail(msg: str, **more: Any) -> None:
            raise AssertionError(msg, more)

        module = SimpleNamespace(params=given, check_mode=check, fail_json=fail, site=self.site)
        clock = self.cluster.clock.now
        terms = RunContext("look", lambda: clock() + ahead, self.site.simulator.advance)
        return change.remember_mirrors(cast("Any", module), terms)

    def ask(self, accepts: bool) -> None:
        """Somebody asks for a failover of web."""
        client, now = self.site.client(), self.cluster.clock.now()
        cases = cases_of(read_cluster(client), Filter(("web",)), now)
        changes = request(cases, RepairType.FAILOVER, now, self.site.new_id, accept_behind=accepts)
        carry_out_changes(changes, client, "", self.site.terms("person"))

    def go_apart(self, name: str = "web") -> None:
        """The secondary stays behind what the instance writes."""
        self.cluster.disconnect(name)

    def come_back(self, node: str) -> None:
        """A node is alive again, marked so, and its instances are started; their mirrors are connected."""
        self.cluster.power_on(node)
        self.cluster.mark(node, offline=False)
        self.cluster.watch()
        self.site.simulator.advance_until_idle()

    def noted(self, name: str = "web") -> list[str]:
        """The nodes whose copies are noted as behind."""
        return in_doubt(self.site, name)

    def note(self, *nodes: str, name: str = "web", since: int = 1_700_000_000) -> None:
        """Let copies be noted as behind."""
        self.cluster.instance(name).tags |= {f"{BEHIND}{self.cluster.node(node).uuid}:{since}" for node in nodes}

    def jobs(self, opcode: str = "") -> list[str]:
        """All jobs that do such a thing."""
        return [text for job in self.cluster.queue.jobs.values() for text in job.summary if opcode in text]


@pytest.fixture(params=TRANSPORTS)
def near(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looks]:
    """A cluster of six nodes, reached without sockets, with monitoring daemons on all nodes."""
    site = Site(Simulator(), request.param, direct=True)
    monkeypatch.setattr(change, "connect", lambda module: module.site.client())
    with Mond(site.cluster) as mond:
        yield Looks(site, mond)


@pytest.fixture(params=["mond", "jobs"])
def looks(near: Looks, request: pytest.FixtureRequest) -> Looks:
    """... or without any, so that Ganeti is asked."""
    if request.param == "jobs":
        near.mond.silent = set(near.cluster.nodes)
    return near


# --- what a look sees -------------------------------------------------------------------------------------------------

# sentence, what happens, whether the copy is in sync by the daemons, and by jobs
SEEN = [
    ("in sync", lambda _: None, True, True),
    ("apart", lambda it: it.go_apart(), False, False),
    ("in a resync", lambda it: (it.go_apart(), it.cluster.begin_resync("web")), False, False),
    ("connected again", lambda it: (it.go_apart(), it.cluster.reconnect("web")), True, True),
    ("its secondary is dead", lambda it: it.cluster.power_off("node2"), False, None),  # Ganeti's job asks both nodes
    ("its secondary is marked", lambda it: it.site.kill("node2"), False, False),
    ("stopped", lambda it: stop(it.web), None, None),
    ("stopped, with its disks assembled", lambda it: (stop(it.web), assemble(it.web)), True, True),
    ("... and apart", lambda it: (stop(it.web), assemble(it.web), it.go_apart()), False, False),
    ("its primary is dead", lambda it: it.cluster.power_off("node3"), None, None),
]


def stop(instance: Instance) -> None:
    """It is down."""
    instance.admin_state = "down"
    instance.running_on.clear()


def assemble(instance: Instance) -> None:
    """Somebody has activated its disks."""
    instance.assembled = True


@pytest.mark.parametrize(("happens", "by_mond", "by_jobs"), [row[1:] for row in SEEN], ids=[row[0] for row in SEEN])
def test_what_is_seen_and_noted(
    looks: Looks, happens: Callable[[Looks], object], by_mond: bool | None, by_jobs: bool | None
) -> None:
    """A copy that is behind is noted, no other is."""
    happens(looks)
    found, in_step = looks.look(), by_jobs if looks.mond.silent else by_mond
    (mirror,) = found["mirrors"]
    assert (mirror["instance"], mirror["secondary"], mirror["in_step"]) == ("web", "node2", in_step)
    assert looks.noted() == (["node2"] if in_step is False else [])
    assert found["changed"] == (in_step is False)
    assert bool(mirror["words"]) == (in_step is not True)
    counts = {True: (1, 0, 0), False: (0, 1, 0), None: (0, 0, 1)}[in_step]
    assert found["report"][-1] == "1 mirrors: {} in sync, {} behind, {} not known".format(*counts)


def test_whoever_can_tell_is_asked_once(looks: Looks) -> None:
    """One request a node; a job only for what the daemons did not tell."""
    for name in ("a", "b", "c"):
        looks.add(name)
    looks.add("d", primary="node1")
    looks.look()
    assert sorted(looks.mond.asked) == ["node1", "node3"]
    assert len(looks.jobs("QUERY_DATA")) == (5 if looks.mond.silent else 0)


def test_jobs_are_for_those_that_may_have_devices(near: Looks) -> None:
    """A node that has told of all its devices is not asked again for the stopped ones; where nobody has told anything,
    and there are too many, these come last."""
    stopped = [near.add(f"a{number}", admin_state="down") for number in range(120)]
    assert near.look()["report"][-1] == "121 mirrors: 1 in sync, 0 behind, 120 not known"
    assert not near.jobs("QUERY_DATA")
    near.mond.silent = set(near.cluster.nodes)
    near.note("node2")
    near.note("node2", name=stopped[-1].name)
    assemble(stopped[-1])
    assert near.look()["report"][-1] == "121 mirrors: 2 in sync, 0 behind, 119 not known"
    assert len(near.jobs("QUERY_DATA")) == 100 + 2  # those whose notes went, once more
    assert near.noted() == near.noted(stopped[-1].name) == []


# --- the stories ------------------------------------------------------------------------------------------------------


def behind_and_dead(looks: Looks) -> None:
    """The mirror of web goes apart, that is noted, and its primary dies."""
    looks.go_apart()
    looks.look()
    assert looks.noted() == ["node2"]
    looks.site.simulator.advance(3600)
    looks.site.kill("node3")


def test_nothing_fails_over_to_a_copy_that_is_behind(looks: Looks) -> None:
    """However often a round is played; when the primary is back and the copies are in sync, the note goes."""
    behind_and_dead(looks)
    played = rounds(looks.site, 4)
    assert told(played, "web")[:2] == ("report", "behind")
    assert (
        "since 2027-01-15T08:00:0" in told(played, "web")[2] and "its newest data is on node3" in told(played, "web")[2]
    )
    assert looks.look()["mirrors"] == []
    assert looks.jobs("FAILOVER") == looks.site.tags("web") == [] and looks.noted() == ["node2"]
    looks.come_back("node3")
    assert looks.look()["changed"] and looks.noted() == []
    assert not looks.web.data.losses and looks.web.running_on == {"node3"}
    looks.site.kill("node3")
    looks.site.play_until_quiet()
    assert looks.site.state("web") == "healthy" and looks.web.primary == "node2"


def test_the_note_stays_until_the_copy_is_in_step(looks: Looks) -> None:
    """The primary is back, the copies are not connected yet."""
    behind_and_dead(looks)
    looks.cluster.power_on("node3")
    looks.cluster.mark("node3", offline=False)
    looks.web.running_on.add("node3")
    for _ in range(2):
        assert not looks.look()["changed"] and looks.noted() == ["node2"]
    looks.cluster.begin_resync("web")
    assert not looks.look()["changed"] and looks.noted() == ["node2"]


def test_what_somebody_accepts_is_done(looks: Looks) -> None:
    """Its failover and the new secondary, by one repair whose id says so; then the note is gone."""
    behind_and_dead(looks)
    looks.ask(accepts=False)
    played = rounds(looks.site)
    assert told(played, "web")[1] == "behind" and not looks.jobs("FAILOVER")
    looks.ask(accepts=True)
    looks.site.play_until_quiet()
    assert (looks.site.state("web"), looks.web.primary, looks.noted()) == ("healthy", "node2", [])
    assert "node3" not in looks.web.nodes and jobs(looks.site, "INSTANCE_REPLACE_DISKS") == 1
    (tag,) = [tag for tag in looks.site.tags("web") if ":success:" in tag]
    assert tag.startswith("result:failover:accept-behind-")
    assert {loss.place for loss in looks.web.data.losses if loss.newest} == {"node3"}


@pytest.mark.parametrize("noted", [True, False])
def test_a_look_that_could_not_be_had_changes_nothing(near: Looks, noted: bool) -> None:
    """Whatever stood there stands there."""
    if noted:
        near.note("node2")
    before = set(near.web.tags)
    near.go_apart()
    near.mond.silent = set(near.cluster.nodes)
    near.site.simulator.troubles.add(JobTrouble("OP_INSTANCE_QUERY_DATA", "fail", text="No", times=9))
    for happens in (lambda: None, lambda: near.cluster.power_off("node3")):
        happens()
        found = near.look()
        assert not found["changed"] and near.web.tags == before
        assert found["mirrors"][0]["in_step"] is None and found["mirrors"][0]["words"]
        assert found["report"][-1] == "1 mirrors: 0 in sync, 0 behind, 1 not known"


@pytest.mark.parametrize("noted", [True, False])
def test_a_stopped_instance_keeps_what_it_has(looks: Looks, noted: bool) -> None:
    """It has no devices, whether its copies are in sync or not."""
    if noted:
        looks.note("node2")
    before = set(looks.web.tags)
    stop(looks.web)
    for happens in (lambda: None, looks.go_apart, lambda: looks.cluster.reconnect("web")):
        happens()
        assert not looks.look()["changed"] and looks.web.tags == before


@pytest.mark.parametrize("happens", [lambda _: None, lambda it: it.go_apart()], ids=["in sync", "apart"])
@pytest.mark.parametrize("nodes", [("node2", "node3"), ("node3",)])
def test_disks_that_are_in_doubt_stay_so(
    looks: Looks, nodes: tuple[str, ...], happens: Callable[[Looks], None]
) -> None:
    """A recreation that stopped half-way has left both copies empty, a failover the one on its primary: a look says
    nothing on either."""
    looks.note(*nodes)
    before = set(looks.web.tags)
    happens(looks)
    found = looks.look()
    assert not found["changed"] and looks.web.tags == before
    assert "are in doubt themselves" in found["objects"][0]["note"]


def test_a_second_look_writes_nothing(looks: Looks) -> None:
    """Neither a second tag, nor a later time in it."""
    looks.go_apart()
    assert looks.look()["changed"]
    before = set(looks.web.tags)
    looks.site.simulator.advance(600)
    assert not looks.look()["changed"]
    assert looks.web.tags == before and len(looks.web.tags) == 1
    steps = [step.op for job in looks.cluster.queue.jobs.values() for step in job.steps]
    assert len([op for op in steps if op["OP_ID"] == "OP_TAGS_SET" and op.get("name") == "web"]) == 1


@pytest.mark.parametrize("dies", [False, True], ids=["goes on", "then its primary dies"])
def test_two_looks_at_once_forget_nothing(looks: Looks, monkeypatch: pytest.MonkeyPatch, dies: bool) -> None:
    """The first has seen the copy in sync; before it takes the note away, the second sees it apart, and leaves it at
    that note. So the first looks again."""
    looks.note("node2")
    carry_out = change._carry_out

    def meanwhile(*given: Any) -> dict[str, Any]:
        monkeypatch.setattr(change, "_carry_out", carry_out)
        looks.go_apart()
        assert not looks.look()["changed"]
        if dies:
            looks.cluster.power_off("node3")
        return carry_out(*given)

    monkeypatch.setattr(change, "_carry_out", meanwhile)
    found = looks.look()
    assert looks.noted() == ["node2"]
    assert any("behind since 2027-01-15T08:" in line for line in found["report"])
    assert [(len(one["tags_added"]), len(one["tags_removed"])) for one in found["objects"]] == [(0, 1), (1, 0)]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"mond_port": 0}, "mond_port is 0; a port is"),
        ({"mond_port": 65536}, "mond_port is 65536; a port is"),
        ({"probe_timeout": 0}, "probe_timeout is 0; it takes one second or more"),
        ({"probe_timeout": -1}, "probe_timeout is -1; it takes"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_asked(looks: Looks, wrong: Any, words: str) -> None:
    """By name and value."""
    looks.site.simulator.log.clear()
    with pytest.raises(BadOption, match=words):
        looks.look(**wrong)
    assert not looks.mond.asked and not looks.site.simulator.log.writes()


def test_check_mode_sends_no_write(looks: Looks) -> None:
    """It tells what it would write, if the daemons tell it; it submits no job to find out."""
    looks.go_apart()
    looks.note("node4")
    before = set(looks.web.tags)
    found = looks.look(check=True)
    assert not looks.site.simulator.log.writes() and not looks.jobs() and looks.web.tags == before
    assert found["changed"] == (not looks.mond.silent)
    assert found["mirrors"][0]["in_step"] is (None if looks.mond.silent else False)


@pytest.mark.parametrize("hours", [-3, 3])
def test_a_wrong_clock_writes_no_time(looks: Looks, hours: int) -> None:
    """One machine's time in a tag is all machines' time; what is in sync again is forgotten all the same."""
    looks.add("db")
    looks.go_apart()
    with pytest.raises(ClockWrong, match="the clock of this machine is 10800 s"):
        looks.look(ahead=3600.0 * hours)
    assert looks.noted() == looks.noted("db") == []
    looks.cluster.reconnect("web")
    looks.note("node2")
    assert looks.look(ahead=3600.0 * hours)["changed"] and looks.noted() == []


def test_one_node_that_tells_nothing_keeps_no_other_from_being_noted(near: Looks) -> None:
    """Neither its daemon nor a job; what is noted of its own instances stays."""
    near.add("db", primary="node1")
    near.add("mail", primary="node5", secondary="node6")
    for name in ("db", "web", "mail"):
        near.go_apart(name)
    near.mond.silent = {"node3"}
    near.site.simulator.troubles.add(JobTrouble("OP_INSTANCE_QUERY_DATA", "fail", text="No", times=9))
    found = near.look()
    assert {each["instance"]: each["in_step"] for each in found["mirrors"]} == {"db": False, "web": None, "mail": False}
    assert (near.noted("db"), near.noted(), near.noted("mail")) == (["node2"], [], ["node6"])
    assert len(near.jobs("QUERY_DATA")) == 1


def test_a_primary_that_hangs_is_not_asked_by_a_job(near: Looks) -> None:
    """It would hold the locks of both nodes."""
    near.go_apart()
    near.cluster.power_off("node3")
    assert near.look()["mirrors"][0]["in_step"] is None
    assert not near.jobs("QUERY_DATA") and near.noted() == []


# --- beside repairs ---------------------------------------------------------------------------------------------------


def test_what_is_noted_during_a_repair_outlasts_its_success(looks: Looks) -> None:
    """The new secondary was in sync when its job ended, and has stayed behind since: the repair knows nothing of it."""
    looks.site.kill("node2")
    looks.site.run_round()
    looks.site.simulator.advance_until_idle()
    looks.site.simulator.advance(60)
    (new,) = looks.web.secondaries
    assert new != "node2"
    looks.go_apart()
    looks.look()
    assert looks.noted() == [new]
    rounds(looks.site, 3)
    assert ":success:" in str(looks.site.tags("web"))
    assert looks.noted() == [new]
    looks.site.kill("node3")
    assert told(rounds(looks.site, 3), "web")[:2] == ("report", "behind")
    assert not looks.jobs("FAILOVER")


def test_what_is_accepted_is_what_was_noted_when_it_was_asked_for(looks: Looks) -> None:
    """The request waits; meanwhile the copy was in sync again, and then stays behind anew: nobody has accepted that,
    until it is asked for again."""
    behind_and_dead(looks)
    looks.web.tags.add(TAG + "suspend")
    looks.ask(accepts=True)
    looks.come_back("node3")
    looks.look()
    assert looks.noted() == [] and "accept-behind-" in str(looks.site.tags("web"))
    looks.site.simulator.advance(3600)
    behind_and_dead(looks)
    looks.web.tags.discard(TAG + "suspend")
    assert told(rounds(looks.site), "web")[:2] == ("report", "behind")
    assert not looks.jobs("FAILOVER")
    looks.ask(accepts=True)
    looks.site.play_until_quiet()
    assert (looks.site.state("web"), looks.web.primary, looks.noted()) == ("healthy", "node2", [])


# --- the playbooks ----------------------------------------------------------------------------------------------------


class Book:
    """A cluster in the machine's time, on which web is apart, and playbooks that are run against it."""

    def __init__(self, simulator: Simulator, mond: Mond, transport: str, folder: Path) -> None:
        """Let web be on node1 with its copy on node2, and node3 be there as well."""
        self.simulator, self.mond, self.cluster, self.folder = simulator, mond, simulator.cluster, folder
        self.options = {**reach(simulator, transport), "mond_port": mond.port, "probe_timeout": 2}
        self.web = self.cluster.add_instance("web", "drbd", "node1", "node2")
        self.cluster.reconnects = False
        self.cluster.disconnect("web")

    def run(self, playbook: str, *options: str, **variables: object) -> Run:
        """Run one; what was sent before is forgotten."""
        self.simulator.log.clear()
        name = f"ganeti.autorepair.{playbook}"
        return play(self.folder / "run", {**self.options, **variables}, *options, playbook=name)

    @property
    def writes(self) -> list[object]:
        """What was written by the last run."""
        return list(self.simulator.log.writes())

    @property
    def noted(self) -> list[str]:
        """The tags on copies of web that are behind."""
        return [tag for tag in self.web.tags if tag.startswith(f"{BEHIND}{self.cluster.node('node2').uuid}:")]


@pytest.fixture(params=TRANSPORTS)
def book(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Book]:
    """One over each transport."""
    cluster = wall_clock_cluster(50)
    cluster.add_group("default")
    for number in (1, 2, 3):
        cluster.add_node(f"node{number}", "default")
    with Simulator(cluster, folder=tmp_path) as simulator, Mond(cluster) as mond:
        yield Book(simulator, mond, request.param, tmp_path)


def test_the_playbook_mirrors(book: Book) -> None:
    """A dry run tells what is noted by the next one; then nothing is left to be said."""
    dry = book.run("mirrors", "--check", "--diff")
    assert dry.code == 0 and not book.writes, dry.output
    assert dry.result(MODULE)["changed"] and "would add" in dry.output and f"+{BEHIND}" in dry.output
    run = book.run("mirrors")
    assert run.code == 0 and len(book.noted) == 1, run.output
    assert "1 mirrors: 0 in sync, 1 behind, 0 not known" in run.output
    again = book.run("mirrors")
    assert again.code == 0 and not again.result(MODULE)["changed"] and not book.writes, again.output
    book.cluster.reconnect("web")
    assert book.run("mirrors", instances=["w*"]).result(MODULE)["changed"] and not book.noted


def test_the_playbook_repair_looks_first(book: Book) -> None:
    """The round knows what was seen just before; a dry run and one without the option write nothing of it."""
    dry = book.run("repair", "--check", look_at_mirrors=True)
    assert dry.code == 0 and not book.writes and dry.result(MODULE)["changed"], dry.output
    without = book.run("repair")
    assert without.code == 0 and MODULE not in dict(without.results) and not book.noted
    run = book.run("repair", look_at_mirrors=True)
    assert run.code == 0 and len(book.noted) == 1, run.output
    book.web.tags.add(TAG + "failover")
    book.cluster.power_off("node1")
    book.cluster.mark("node1", offline=True)
    held = book.run("repair", look_at_mirrors=True)
    assert held.code == 0 and not book.writes, held.output
    assert held.step["needs_person"] == ["web"] and "needs a person: behind" in held.output, held.output


def test_a_look_that_fails_does_not_stop_the_round(book: Book) -> None:
    """Another instance's failover may be what counts. In the end the play fails, and tells what was seen."""
    book.cluster.add_instance("mail", "drbd", "node3", "node2").tags.add(TAG + "failover")
    book.cluster.power_off("node3")
    book.cluster.mark("node3", offline=True)
    book.simulator.troubles.add(JobTrouble("OP_TAGS_SET", "fail", instance="web", text="No room", times=9))
    run = book.run("repair", look_at_mirrors=True)
    assert run.code != 0 and "The look at the mirrors failed: web: job " in run.output, run.output
    look = run.result(MODULE)
    assert [mirror["in_step"] for mirror in look["mirrors"]] == [False] and look["report"][-1].startswith("1 mirrors:")
    assert run.step["summary"] == {**run.step["summary"], "pending_repair": 1, "healthy": 1}, run.output


def test_the_playbook_report_looks_and_writes_nothing(book: Book) -> None:
    """Though it is no dry run."""
    run = book.run("report", look_at_mirrors=True, report_dir=str(book.folder / "report"))
    assert run.code == 0 and not book.writes and not book.noted, run.output
    assert run.result(MODULE)["mirrors"][0]["in_step"] is False
    assert (book.folder / "report").is_dir()
    wrong = book.run("report", look_at_mirrors=True, report_dir=str(book.folder / "report"), instances=["mail"])
    assert wrong.code == 0 and not book.writes, wrong.output


def test_the_playbook_request_accepts_an_older_copy(book: Book) -> None:
    """Its dry run says what is lost; the repair that was asked for is done by the next round."""
    book.run("mirrors")
    book.cluster.power_off("node1")
    book.cluster.mark("node1", offline=True)
    given = {"instances": ["web"], "type": "failover"}
    plainly = book.run("request", "--check", **given)
    assert plainly.code == 0 and "accept-behind-" not in str(plainly.result(REQUEST)["objects"]), plainly.output
    assert "so it waits" in plainly.output
    dry = book.run("request", "--check", accept_behind=True, **given)
    assert dry.code == 0 and not book.writes, dry.output
    (one,) = dry.result(REQUEST)["objects"]
    assert one["tags_added"][0].startswith(f"{TAG}pending:failover:accept-behind-")
    assert "this loses what was written since then" in one["note"]
    assert book.run("request", accept_behind=True, **given).code == 0
    run = book.run("repair", wait=True, wait_timeout=60)
    assert run.code == 0, run.output
    assert (book.web.nodes, book.noted) == (["node2", "node3"], [])
    assert any(":success:" in tag and "accept-behind-" in tag for tag in book.web.tags)
