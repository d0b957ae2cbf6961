# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""One switch that stops everything: nothing begins, and what has begun goes on, but gives up nothing more."""

from __future__ import annotations

from pathlib import Path

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import (
    parse_permission,
    permissions,
    stopped_words,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import request as asked
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.apply import carry_out_changes
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import result
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import Filter, cases_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of
from playbook import play
from simulator import JobTrouble, Simulator
from simulator.simulator import wall_clock_cluster

from .conftest import TAG, TRANSPORTS, Site

STOP = TAG + "stop"
STEPS = {"INSTANCE_" + name for name in ("FAILOVER", "MIGRATE", "REPLACE_DISKS", "RECREATE_DISKS", "REINSTALL")}


@pytest.fixture(params=TRANSPORTS)
def near(request: pytest.FixtureRequest) -> Site:
    """A cluster of six nodes, reached over RAPI or LUXI, without sockets."""
    return Site(Simulator(), request.param, direct=True)


def say(site: Site, state: str, scope: str = "cluster", names: tuple[str, ...] = ()) -> dict[str, object]:
    """What the policy module says."""
    client = site.client()
    wanted = parse_permission(state, None, None, site.cluster.clock.now())
    changes = permissions(read_cluster(client), scope, Filter(names), wanted)
    return carry_out_changes(changes, client, "", site.terms("person"))


def steps(site: Site) -> list[str]:
    """The steps that jobs were sent for, in their order."""
    names = [text.partition("(")[0] for _, job in sorted(site.cluster.queue.jobs.items()) for text in job.summary]
    return [name.removeprefix("INSTANCE_") for name in names if name in STEPS]


def play_on(site: Site, rounds: int = 8) -> None:
    """Rounds, each after the jobs of the one before."""
    for _ in range(rounds):
        site.run_round()
        site.simulator.advance_until_idle()
        site.simulator.advance(300)


# --- nothing begins ---------------------------------------------------------------------------------------------------

WORDS = ["stop", "Stop", "STOP", "stopped", "stop:", "stop:1700000000", "stop-all"]


@pytest.mark.parametrize("word", WORDS)
def test_nothing_begins_whatever_is_allowed(near: Site, word: str) -> None:
    """Neither by the tag of an instance, of its group or of the cluster, nor what was asked for; in any spelling."""
    near.cluster.add_instance("db", "drbd", "node3", "node2")
    near.cluster.add_instance("web", "plain", "node3")
    near.cluster.add_instance("app", "rbd", "node3")
    near.cluster.add_instance("drained", "drbd", "node4", "node2")
    near.allow("reinstall")
    near.allow("reinstall", "web")
    near.cluster.groups["default"].tags.add(TAG + "failover")
    near.cluster.instance("app").tags.add(TAG + "pending:failover:asked:1700000000:")
    near.kill("node3")
    near.cluster.mark("node4", drained=True)
    near.cluster.tags.add(TAG + word)
    played = near.run_round()
    assert not near.simulator.log.writes()
    assert {one["why"] for one in facts(near.plan_round())["instances"]} == {"stopped"}
    told = result(played, check_mode=False)
    assert told["report"][1].startswith(f"STOPPED no repair starts: the cluster is stopped by its tag {TAG}{word}")
    assert f"gnt-cluster remove-tags {TAG}{word}" in told["report"][1]
    assert TAG + word in told["stopped"] and not told["left"]
    near.cluster.tags.discard(TAG + word)
    near.play_until_quiet()
    assert {near.state(name) for name in ("db", "web", "app", "drained")} == {"healthy"}


@pytest.mark.parametrize("scope", ["instance", "group"])
@pytest.mark.parametrize("word", WORDS)
def test_on_anything_else_it_is_a_permission_that_can_not_be_read(near: Site, word: str, scope: str) -> None:
    """Somebody meant a limit: nothing begins there, it is said, and the other instances go on."""
    near.break_two()
    near.cluster.add_instance("far", "rbd", "node6")
    near.kill("node6")
    (near.cluster.instance("db") if scope == "instance" else near.cluster.groups["default"]).tags.add(TAG + word)
    played = near.run_round()
    told = result(played, check_mode=False)
    held = {"db"} if scope == "instance" else {"db", "web"}
    assert {one["name"] for one in facts(played.after)["instances"] if one["why"] == "unreadable_tag"} == held
    assert told["stopped"] is None and set(told["needs_person"]) == held
    assert f"the tag {TAG}{word} can't be read" in " ".join(" ".join(told["report"]).split())
    near.play_until_quiet()
    assert near.state("far") == "healthy" and near.state("db") != "healthy"


# --- what has begun goes on -------------------------------------------------------------------------------------------

# what has begun, on which instance, as its node was marked how; the steps in all while the cluster is stopped
BEGUN = [
    ("a failover that runs", ("drbd", "node3", "node2"), "offline", ["FAILOVER", "REPLACE_DISKS"]),
    ("a migration that runs", ("drbd", "node3", "node2"), "drained", ["MIGRATE", "REPLACE_DISKS"]),
    ("disks that are empty", ("plain", "node3", None), "offline", ["RECREATE_DISKS", "REINSTALL"]),
]


@pytest.mark.parametrize(("placed", "mark", "taken"), [row[1:] for row in BEGUN], ids=[row[0] for row in BEGUN])
def test_what_is_under_way_is_followed_to_its_end(
    near: Site, placed: tuple[str, str, str | None], mark: str, taken: list[str]
) -> None:
    """Its job is waited for, its next steps are taken, its result is written."""
    near.cluster.add_instance("db", *placed)
    near.allow("reinstall")
    if mark == "offline":
        near.cluster.power_off("node3")
    near.cluster.mark("node3", **{mark: True})
    near.run_round()
    assert say(near, "stopped")["changed"]
    play_on(near)
    assert steps(near) == taken
    assert near.state("db") == "healthy" and any(":success:" in tag for tag in near.tags("db"))
    assert STOP in near.cluster.tags


def test_no_failover_is_begun_for_a_repair_that_goes_on(near: Site) -> None:
    """Its failover has failed and would be tried again: that gives up running state, so it waits until the start."""
    near.break_two()
    near.simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "fail", instance="db", text="a hiccup", times=1))
    near.run_round()
    near.simulator.advance_until_idle()
    say(near, "stopped")
    play_on(near)
    (db,) = [one for one in facts(near.plan_round())["instances"] if one["name"] == "db"]
    assert (db["state"], db["why"]) == ("pending_repair", "stopped")
    assert steps(near).count("FAILOVER") == 2
    say(near, "started")
    near.play_until_quiet()
    assert near.state("db") == "healthy"


def test_a_stop_between_the_look_and_the_claim(near: Site) -> None:
    """The look under the claim sees it."""
    near.break_two()
    meanwhile = [lambda one: near.cluster.tags.add(STOP) if one.writes else None]
    near.simulator.hooks.before.extend(meanwhile)
    near.run_round()
    assert not steps(near)


# --- saying it --------------------------------------------------------------------------------------------------------


def test_it_is_said_once(near: Site) -> None:
    """A second time changes nothing; so with the start. What else is said meanwhile has that the cluster is stopped."""
    near.break_two()
    first = say(near, "stopped")
    assert first["changed"] and near.cluster.tags >= {STOP}
    assert "no repair starts on the whole cluster until state: started" in first["report"][0]  # type: ignore[index]
    near.simulator.log.clear()
    assert not say(near, "stopped")["changed"] and not near.simulator.log.writes()
    assert f"stopped by its tag {STOP}, so no repair starts" in str(say(near, "resumed", "instance", ("db",))["report"])
    cluster = read_cluster(near.client())
    cases, now = cases_of(cluster, Filter(("db",)), near.cluster.clock.now()), near.cluster.clock.now()
    (change,) = asked(cases, RepairType.FAILOVER, now, near.new_id, stopped_words(cluster))
    assert f"stopped by its tag {STOP}, so no repair starts" in change.note
    assert say(near, "started")["changed"] and STOP not in near.cluster.tags
    near.simulator.log.clear()
    assert not say(near, "started")["changed"] and not near.simulator.log.writes()


def test_what_can_not_be_read_stays_for_a_person(near: Site) -> None:
    """The start says that it is stopped still."""
    near.break_two()
    near.cluster.tags.update({STOP, TAG + "stop:soon"})
    told = say(near, "started")
    assert "stop:soon should be spelled stop; it stays in force until you remove it" in str(told["report"])
    assert near.cluster.tags >= {TAG + "stop:soon"} and STOP not in near.cluster.tags
    near.simulator.log.clear()
    near.run_round()
    assert not near.simulator.log.writes()


@pytest.mark.parametrize("state", ["stopped", "started"])
@pytest.mark.parametrize(("scope", "names"), [("instance", ("db",)), ("group", ("default",))])
def test_it_is_said_of_the_cluster_alone(near: Site, state: str, scope: str, names: tuple[str, ...]) -> None:
    """One sentence, and nothing is written."""
    near.break_two()
    with pytest.raises(BadOption, match=f"state: {state} is for object: cluster, but object is {scope}"):
        say(near, state, scope, names)
    with pytest.raises(BadOption, match="names is given, but object is cluster"):
        say(near, state, "cluster", ("db",))
    assert not near.simulator.log.writes()


def test_the_report_on_many_clusters_has_it(near: Site) -> None:
    """With what a person has to look at."""
    near.break_two()
    near.cluster.tags.update({STOP, TAG + "claim:x:999999999999999"})
    (cluster,) = report_of([Look("prod", facts(near.plan_round()))], 5)["clusters"]
    assert cluster["seen"]["stopped"] == f"the cluster is stopped by its tag {STOP}"
    (notice,) = cluster["seen"]["notices"]
    assert notice.startswith("cluster: the claim of x ends at") and notice.endswith("claim:x:999999999999999")
    assert cluster["seen"]["counts"]["reasons"]["stopped"] == 2


def test_the_playbooks(tmp_path: Path) -> None:
    """Over both transports, whatever kind of object the inventory names for others; --check writes nothing."""
    with Simulator(wall_clock_cluster(100)) as simulator:
        simulator.cluster.add_group("default")
        simulator.cluster.add_node("node1", "default")
        known = simulator.settings()
        options = {f"rapi_{name}": known[name] for name in ("host", "port", "user", "password", "ca_path")}
        options |= {"luxi_socket": known["luxi_socket"], "object": "instance", "instances": ["db"], "groups": ["rack"]}
        plays = [("stop", ("--check",), False), ("stop", (), True), ("start", ("--check",), True), ("start", (), False)]
        for number, (name, given, stopped) in enumerate([*plays, *plays]):
            transport = TRANSPORTS[number // len(plays)]
            book = tmp_path / f"{number}.yml"
            variables = f"{{ganeti_autorepair_transport: {transport}}}"
            book.write_text(f"- {{import_playbook: ganeti.autorepair.{name}, vars: {variables}}}\n")
            run = play(tmp_path / f"run{number}", options, *given, playbook=str(book))
            assert run.code == 0, run.output
            assert (STOP in simulator.cluster.tags) is stopped
