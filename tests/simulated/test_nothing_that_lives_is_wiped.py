# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Nothing that lives is wiped: jobs of others, people's cancels and takeovers, nodes that come back, steps that stop
half-way (laws 8, 10 and 11), over both transports."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import Round
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.waiting import run_until_done
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions
from simulator import JobTrouble, Simulator, opcodes
from simulator.model import Instance
from unbraked import unbraked

from .conftest import TAG, Site
from .direct import TRANSPORTS

HOUR = 3600.0
BEHIND = "ganeti:watcher:nodewatch:behind:"


@pytest.fixture(params=TRANSPORTS)
def site(request: pytest.FixtureRequest) -> Site:
    """A cluster of six nodes without instances, reached without sockets."""
    return Site(Simulator(), request.param, direct=True)


def told(played: Round, name: str) -> tuple[str, str | None, str]:
    """The kind of the action that the round's last plan has for an instance, its why and its reason."""
    action = next(action for case, action in played.after.rows if case.instance.name == name)
    return action.kind.value, action.why.value if action.why else None, action.reason


def jobs(site: Site, opcode: str, status: str = "success") -> int:
    """How many opcodes of a kind have ended so."""
    steps = [step for job in site.cluster.queue.jobs.values() for step in job.steps]
    return sum(1 for step in steps if step.op["OP_ID"] == f"OP_{opcode}" and step.status == status)


def rounds(site: Site, count: int = 4, limits: Limits | None = None, pause: float = 60) -> Round:
    """Play some rounds, so many seconds and all of their jobs apart."""
    for _ in range(count):
        played = site.run_round(limits)
        site.simulator.advance_until_idle()
        site.simulator.advance(pause)
    return played


def stay(site: Site, seconds: float = 900) -> Round:
    """Play rounds as one runner that waits."""
    settings = ExecutionOptions("", "", site.new_id)
    return list(run_until_done(site.client(), unbraked(), settings, site.terms(), seconds))[-1]


def person(site: Site, method: str, path: str, body: dict[str, object] | None = None) -> None:
    """Let a person do something, and wait for it."""
    site.simulator.ask(method, f"/2/instances/{path}", body or {})
    site.simulator.advance_until_idle()


def recreated(site: Site, admin_state: str = "up", template: str = "plain") -> None:
    """db, whose nodes have died, has new disks; over RAPI nothing is installed on them yet, as over LUXI one job that
    stops in the middle leaves it."""
    nodes = ("node3", "node2") if template == "drbd" else ("node3",)
    site.cluster.add_instance("db", template, *nodes, admin_state=admin_state)
    site.allow("reinstall")
    for node in nodes:
        site.kill(node)
    if site.transport == "luxi":
        site.simulator.troubles.add(JobTrouble("OP_INSTANCE_SHUTDOWN", "cancel", instance="db"))
    site.run_round()
    site.simulator.advance_until_idle()
    assert site.cluster.instance("db").wiped == 1


def in_doubt(site: Site, name: str = "db") -> list[str]:
    """The nodes of an instance whose copies its tags remember not to be its newest data."""
    tags = site.cluster.instance(name).tags
    nodes = {node.uuid: node.name for node in site.cluster.nodes.values()}
    return sorted(nodes[tag[len(BEHIND) :].split(":")[0]] for tag in tags if tag.startswith(BEHIND))


# --- a job speaks only for the instance that it is about --------------------------------------------------------------


@pytest.mark.parametrize("kind", ["fix-storage", "migrate", "failover", "reinstall"])
@pytest.mark.parametrize("broken", [False, True], ids=["healthy", "broken"])
def test_a_tag_that_names_another_instance_s_job_can_t_be_read(site: Site, kind: str, broken: bool) -> None:
    """Numbers begin anew, and tags are copied: nothing is done, and a person is told which tag to remove."""
    site.cluster.add_instance("dead", "plain", "node3")
    site.cluster.add_instance("good", "drbd", "node1", "node2")
    site.allow("reinstall", "dead")
    site.kill("node3")
    site.run_round()
    site.simulator.advance_until_idle()
    other = next(job for job in site.cluster.queue.jobs.values() if "RECREATE_DISKS" in str(job.summary))
    site.cluster.instance("good").tags.add(f"{TAG}pending:{kind}:copied:{int(site.cluster.clock.now())}:{other.id}")
    site.cluster.node("node1").drained = broken
    before = site.cluster.queue.last_id
    played = rounds(site, 3)
    what, why, reason = told(played, "good")
    assert (what, why) == ("report", "unreadable_tag")
    assert f"job {other.id} (" in reason
    assert "gnt-instance remove-tags good" in reason
    assert not any("good" in str(job.summary) for job in site.cluster.queue.jobs.values() if job.id > before)


def test_a_job_of_an_instance_of_the_same_name_is_another_one_s(site: Site) -> None:
    """It was removed, and made anew from a backup, with its tags."""
    recreated(site)
    before = site.cluster.instance("db").tags
    site.cluster.instances.pop("db")
    anew = site.cluster.add_instance("db", "plain", "node1", uuid="22222222-2222-4222-8222-222222222222")
    anew.tags |= before
    played = rounds(site, 3)
    assert told(played, "db")[:2] == ("report", "unreadable_tag")
    assert anew.wiped == 0


def test_a_job_that_waits_does_nothing_to_another_instance_of_the_same_name(site: Site) -> None:
    """Ours was removed while its job waited, and made anew from a backup: the job is refused."""
    site.cluster.add_instance("db", "plain", "node3")
    site.allow("reinstall")
    site.kill("node3")
    made: list[Instance] = []

    def once(_request: object, _answer: object) -> None:
        waiting = [job for job in site.cluster.queue.queued.values() if "RECREATE_DISKS" in str(job.summary)]
        if waiting and not made:
            site.cluster.remove_instance("db")
            uuid = "22222222-2222-4222-8222-222222222222"
            made.append(site.cluster.add_instance("db", "plain", "node4", uuid=uuid, admin_state="down"))

    site.simulator.hooks.after.append(once)
    rounds(site)
    assert [(anew.wiped, anew.primary) for anew in made] == [(0, "node4")]


@pytest.mark.parametrize("named", ["", "99999"], ids=["no job", "a job that has left the queue"])
@pytest.mark.parametrize("brake", ["max_in_flight", "max_unhealthy", "watcher"])
def test_a_pending_tag_without_a_known_job_of_ours_is_a_beginning(site: Site, named: str, brake: str) -> None:
    """It meets the brakes as any other."""
    if brake == "watcher" and site.transport == "rapi":
        pytest.skip("RAPI does not tell of the watcher's pause")
    site.cluster.add_instance("web", "drbd", "node1", "node2")
    site.cluster.node("node1").drained = True
    for number in (3, 4, 5):
        site.cluster.add_instance(f"x{number}", "plain", f"node{number}")
    if brake == "max_unhealthy":
        for number in (3, 4, 5):
            site.kill(f"node{number}")
    site.cluster.watcher_pause = site.cluster.clock.now() + HOUR if brake == "watcher" else None
    site.cluster.instance("web").tags.add(f"{TAG}pending:migrate:outside:1:{named}")
    limits = Limits(max_in_flight=0 if brake == "max_in_flight" else 10)
    action = next(action for case, action in site.plan_round(limits).rows if case.instance.name == "web")
    assert action.kind.value == "hold"


# --- a person's cancel ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("waits", [False, True], ids=["round by round", "with wait"])
@pytest.mark.parametrize(
    ("step", "template", "nodes"),
    [
        ("RECREATE_DISKS", "plain", ("node3",)),
        ("RECREATE_DISKS", "drbd", ("node3", "node4")),
        ("FAILOVER", "drbd", ("node3", "node2")),
        ("FAILOVER", "rbd", ("node3",)),
    ],
)
def test_a_loss_that_a_person_has_canceled_is_not_sent_again(
    site: Site, step: str, template: str, nodes: tuple[str, ...], waits: bool
) -> None:
    """Not by the next round, not by another runner, not a day later: it is suspended until a person says so."""
    site.cluster.add_instance("db", template, *nodes)
    site.allow("reinstall")
    for node in ("node3", "node4"):
        site.kill(node)
    site.simulator.troubles.add(JobTrouble(f"OP_INSTANCE_{step}", "cancel", instance="db"))
    if waits:
        stay(site)
    rounds(site)
    site.simulator.advance(24 * HOUR)
    played = rounds(site)
    assert jobs(site, f"INSTANCE_{step}") == 0
    assert jobs(site, f"INSTANCE_{step}", "canceled") == 1
    assert told(played, "db")[:2] == ("hold", "suspended")
    assert site.tags("db") == ["suspend"]
    site.cluster.instance("db").tags.discard(TAG + "suspend")
    rounds(site)
    assert jobs(site, f"INSTANCE_{step}") == 1


def test_a_cancel_of_what_loses_nothing_only_ends_the_repair(site: Site) -> None:
    """No failure; the next round begins anew, as nothing is lost by that."""
    site.cluster.add_instance("web", "drbd", "node1", "node3")
    site.allow("reinstall")
    site.kill("node3")
    site.simulator.troubles.add(JobTrouble("OP_INSTANCE_REPLACE_DISKS", "cancel", instance="web"))
    rounds(site, 5)
    assert site.state("web") == "healthy"


# --- somebody else at the new disks -----------------------------------------------------------------------------------

TAKES_OVER: dict[str, Callable[[Site], None]] = {
    "starts it": lambda site: person(site, "PUT", "db/startup"),
    "stops it": lambda site: person(site, "PUT", "db/shutdown"),
    "fails it over": lambda site: person(site, "PUT", "db/failover", {"ignore_consistency": True}),
}


@pytest.mark.parametrize("how", [*TAKES_OVER, "suspends it", "suspends and resumes it", "does nothing for an hour"])
def test_new_disks_that_somebody_may_have_used_are_not_installed_over(site: Site, how: str) -> None:
    """What a person has restored there stands; the instance is for a person, also for runners that were not there."""
    if site.transport == "luxi":
        pytest.skip("one job over LUXI: there is nothing in between")
    recreated(site, template="drbd" if how == "fails it over" else "plain")
    installed = jobs(site, "INSTANCE_REINSTALL")
    tags = site.cluster.instance("db").tags
    if how == "suspends it":
        tags.add(TAG + "suspend")
    elif how == "suspends and resumes it":
        person(site, "PUT", f"db/tags?tag={TAG}suspend")
        person(site, "DELETE", f"db/tags?tag={TAG}suspend")
    elif how in TAKES_OVER:
        TAKES_OVER[how](site)
    else:
        site.simulator.advance(HOUR + 1)
    rounds(site)
    tags.discard(TAG + "suspend")
    site.simulator.advance(10 * 24 * HOUR)
    played = rounds(site)
    assert (jobs(site, "INSTANCE_REINSTALL"), site.cluster.instance("db").wiped) == (installed, 1)
    assert told(played, "db")[:2] == ("report", "behind")
    assert in_doubt(site) == sorted(site.cluster.instance("db").nodes)


def test_what_the_watcher_starts_on_empty_disks_is_nobody_s_takeover(site: Site) -> None:
    """It does so every five minutes; nothing was ever on those disks."""
    if site.transport == "luxi":
        pytest.skip("one job over LUXI: there is nothing in between")
    recreated(site)
    site.cluster.watch()
    site.simulator.advance_until_idle()
    rounds(site)
    assert site.tags("db")[0].startswith("result:reinstall:repair-1:")
    assert ":success:" in site.tags("db")[0]


def test_a_reinstall_by_a_person_is_the_rest_of_the_repair(site: Site) -> None:
    """Whoever does it, it is what was wanted."""
    if site.transport == "luxi":
        pytest.skip("one job over LUXI: there is nothing in between")
    recreated(site)
    person(site, "POST", "db/reinstall")
    rounds(site)
    assert ":success:" in site.tags("db")[0]
    assert jobs(site, "INSTANCE_REINSTALL") == 1


def test_a_reinstall_that_a_person_has_canceled_is_for_a_person(site: Site) -> None:
    """Its disks are empty, and no later round takes it for healthy."""
    if site.transport == "rapi":
        recreated(site)
        site.simulator.troubles.add(JobTrouble("OP_INSTANCE_SHUTDOWN", "cancel", instance="db"))
    else:
        recreated(site)
    played = rounds(site, 5)
    assert jobs(site, "INSTANCE_REINSTALL") == 0
    assert told(played, "db")[:2] == ("report", "behind")
    assert not any("failure" in tag or "success" in tag for tag in site.tags("db"))


# --- a node comes back while our job waits ----------------------------------------------------------------------------


@pytest.mark.parametrize("admin_state", ["up", "down", "offline"])
@pytest.mark.parametrize("template", ["plain", "drbd"])
def test_disks_of_a_node_that_came_back_are_not_given_up(site: Site, template: str, admin_state: str) -> None:
    """The intent waits in a busy queue; when it stands the marks are read once more."""
    nodes = ("node3", "node2") if template == "drbd" else ("node3",)
    site.cluster.add_instance("db", template, *nodes, admin_state=admin_state)
    site.allow("reinstall")
    for node in nodes:
        site.kill(node)
    site.simulator.troubles.add(JobTrouble("OP_TAGS_SET", "hang", instance="db"))
    site.run_round()
    for node in nodes:
        site.cluster.power_on(node)
        site.cluster.mark(node, offline=False)
    for job in [job.id for job in site.cluster.queue.jobs.values() if job.status == "running"]:
        site.cluster.queue.troubles.release(site.cluster, job)
    rounds(site)
    assert (site.cluster.instance("db").wiped, site.state("db"), site.tags("db")) == (0, "healthy", [])


def _tag(site: Site, kind: str, tag: str, name: str = "db") -> None:
    named = {} if kind == "cluster" else {"name": name}
    site.cluster.submit([opcodes.build("OP_TAGS_SET", {"kind": kind, "tags": [TAG + tag], **named})])


def _work(site: Site, *ops: tuple[str, dict[str, object]]) -> None:
    site.cluster.submit([opcodes.build(f"OP_INSTANCE_{op}", {"instance_name": "db", **more}) for op, more in ops])


MEANWHILE: dict[str, tuple[Callable[[Site], object], str]] = {
    "the cluster is stopped": (lambda site: site.cluster.tags.add(TAG + "stop"), "the cluster was stopped"),
    "the cluster is suspended": (lambda site: site.cluster.tags.add(TAG + "suspend"), "the cluster was stopped or"),
    "its group is suspended": (lambda site: site.cluster.groups["default"].tags.add(TAG + "suspend"), "its group"),
    "a suspend of it waits": (lambda site: _tag(site, "instance", "suspend"), "(TAGS_SET) from somebody else"),
    "a stop waits": (lambda site: _hung_stop(site), "(TAGS_SET) from somebody else"),
    "somebody else makes new disks": (
        lambda site: _work(site, ("RECREATE_DISKS", {"nodes": ["node4"]}), ("REINSTALL", {})),
        "(INSTANCE_RECREATE_DISKS INSTANCE_REINSTALL) from somebody else",
    ),
    "another repair is asked for": (
        lambda site: site.cluster.instance("db").tags.add(f"{TAG}pending:reinstall:other:1800000000:"),
        "another repair of it",
    ),
    "it is to run": (
        lambda site: setattr(site.cluster.instance("db"), "admin_state", "up"),
        "its admin state has changed",
    ),
}


def _hung_stop(site: Site) -> None:
    site.simulator.troubles.add(JobTrouble("OP_TAGS_SET", "hang", instance="None"))  # the cluster's has no name
    _tag(site, "cluster", "stop")


@pytest.mark.parametrize("what", MEANWHILE)
def test_the_last_look_sees_what_has_changed_since_the_plan(site: Site, what: str) -> None:
    """Between the plan and the intent that stands: nothing of it has to wait for the disks to be gone."""
    site.cluster.add_instance("db", "plain", "node3", admin_state="down")
    site.allow("reinstall", "db")
    site.kill("node3")
    change, words = MEANWHILE[what]
    changes = [change]

    def once(_request: object, _answer: object) -> None:
        intents = [job for job in site.cluster.queue.jobs.values() if "db" in str(job.steps[0].op.get("name"))]
        if intents and changes:
            changes.pop()(site)

    site.simulator.hooks.after.append(once)
    played = site.run_round()
    reason = next(outcome.action.reason for outcome in played.outcomes if outcome.action.name == "db")
    assert not changes
    assert words in reason
    ours = [
        job
        for job in site.cluster.queue.jobs.values()
        if "RECREATE" in str(job.summary) and "ganeti.autorepair:" in str(job.steps[0].op["reason"])
    ]
    assert ours == []


@pytest.mark.parametrize("stops", [False, True])
def test_disks_that_somebody_else_has_made_anew_behind_our_step_are_no_success(site: Site, stops: bool) -> None:
    """Nobody has installed anything there since; it is no failure of ours either. One that stops has moved the instance
    to nodes without its disks."""
    site.cluster.add_instance("db", "drbd", "node3", "node2", admin_state="down")
    site.allow("failover")
    site.cluster.node("node3").drained = True
    site.run_round()
    site.simulator.advance(2)  # the failover has begun
    _work(site, ("RECREATE_DISKS", {"nodes": ["node5", "node6"]}))
    if stops:
        site.cluster.instance("db").data.copies["node6"] = site.cluster.instance("db").data.copies["node3"]
    site.simulator.advance_until_idle()
    rounds(site)
    assert (site.cluster.instance("db").wiped, site.cluster.instance("db").primary) == (0 if stops else 1, "node5")
    assert site.tags("db") == []


def _comes_back(site: Site) -> None:
    site.cluster.power_on("node3")
    site.cluster.mark("node3", offline=False)


def _moves(site: Site) -> None:
    site.cluster.instance("db").primary = "node4"


def _is_made_anew(site: Site) -> None:
    tags = site.cluster.instances.pop("db").tags
    anew = site.cluster.add_instance("db", "plain", "node3", uuid="22222222-2222-4222-8222-222222222222")
    anew.tags |= tags


BEFORE_THE_INTENT: dict[str, tuple[Callable[[Site], object], str]] = {
    "its node comes back": (_comes_back, "node node3 is no longer marked offline"),
    "a person moves it": (_moves, "it is not the same instance on the same nodes any more"),
    "a person makes it anew": (_is_made_anew, "it is not the same instance on the same nodes any more"),
    "it is suspended": (lambda site: site.cluster.instance("db").tags.add(TAG + "suspend"), "it was suspended"),
    "its group is suspended": (
        lambda site: site.cluster.groups["default"].tags.add(TAG + "suspend"),
        "its group default was suspended",
    ),
    "the cluster is suspended": (
        lambda site: site.cluster.tags.add(TAG + "suspend:1900000000"),
        "the cluster was stopped or suspended",
    ),
    "the cluster is stopped": (
        lambda site: site.cluster.tags.add(TAG + "Stop"),
        "the cluster was stopped or suspended",
    ),
}


@pytest.mark.parametrize("what", BEFORE_THE_INTENT)
def test_disks_are_looked_at_once_more_before_they_are_given_up(site: Site, what: str) -> None:
    """What has changed since the round's look, while the intent was being set, is seen: nothing is sent."""
    happens, words = BEFORE_THE_INTENT[what]
    site.cluster.add_instance("db", "plain", "node3")
    site.kill("node4")
    site.kill("node3")
    site.allow("reinstall")
    written: list[object] = []

    def meanwhile(message: Any) -> None:
        written.extend([message] if message.writes else [])
        if message.writes and len(written) == 2:  # the claim, then the intent
            happens(site)

    site.simulator.hooks.before.append(meanwhile)
    played = site.run_round()
    (outcome,) = [outcome for outcome in played.outcomes if outcome.action.name == "db"]
    assert (outcome.action.kind.value, outcome.action.why and outcome.action.why.value) == ("hold", "just_changed")
    assert words in outcome.action.reason
    assert not any("RECREATE_DISKS" in str(job.summary) for job in site.cluster.queue.jobs.values())


def _mark_by_mistake(site: Site, template: str) -> None:
    """web runs on node1, which is alive and marked offline; our failover of it waits in the queue."""
    nodes = ("node1", "node2") if template == "drbd" else ("node1",)
    site.cluster.add_instance("web", template, *nodes)
    site.allow("failover", "web")
    site.cluster.node("node1").offline = True
    if template == "drbd":  # behind its intent
        site.simulator.troubles.add(JobTrouble("OP_TAGS_SET", "hang", instance="web"))
    else:  # for the allocator, which another job keeps busy
        site.cluster.add_instance("other", "drbd", "node2", "node3")
        site.simulator.troubles.add(JobTrouble("OP_INSTANCE_REPLACE_DISKS", "hang", instance="other"))
        site.simulator.ask(
            "POST", "/2/instances/other/replace-disks", {"mode": "replace_new_secondary", "iallocator": "hail"}
        )
        site.simulator.advance(1)
    site.run_round()
    site.simulator.advance(60)


def _end_hanging(site: Site) -> None:
    for number in [job.id for job in site.cluster.queue.jobs.values() if job.status == "running"]:
        site.cluster.queue.troubles.release(site.cluster, number)
    site.simulator.advance_until_idle()


@pytest.mark.parametrize("template", ["drbd", "rbd"])
@pytest.mark.parametrize("suspended", [False, True])
def test_a_failover_that_waits_is_canceled_when_its_node_is_back(site: Site, template: str, suspended: bool) -> None:
    """A look cancels our job that waits for what is not needed any more; the living instance goes on running."""
    if (template, site.transport) == ("drbd", "luxi"):
        pytest.skip("one job over LUXI, which runs while its tag is set")
    _mark_by_mistake(site, template)
    site.cluster.mark("node1", offline=False)
    site.cluster.instance("web").tags.update([TAG + "suspend"] if suspended else [])
    site.run_round()
    _end_hanging(site)
    rounds(site)
    assert (jobs(site, "INSTANCE_FAILOVER"), jobs(site, "INSTANCE_FAILOVER", "canceled")) == (0, 1)
    assert site.cluster.instance("web").running_on == {"node1"}
    assert site.tags("web") == ["failover", *(["suspend"] if suspended else [])]


def test_check_mode_cancels_nothing(site: Site) -> None:
    """It says that it would (law 1)."""
    _mark_by_mistake(site, "rbd")
    site.cluster.mark("node1", offline=False)
    before = len(site.simulator.log.writes())
    played = site.run_round(check=True)
    outcome = next(outcome for outcome in played.outcomes if outcome.action.name == "web")
    assert outcome.action.cancel
    assert "no longer needed" in outcome.action.reason
    assert len(site.simulator.log.writes()) == before


def test_a_waiting_failover_that_is_still_needed_goes_on(site: Site) -> None:
    """However long it waits."""
    _mark_by_mistake(site, "rbd")
    rounds(site, 3)
    _end_hanging(site)
    rounds(site, 3)
    assert jobs(site, "INSTANCE_FAILOVER") == 1


def test_new_disks_are_not_installed_when_a_node_that_held_them_is_back(site: Site) -> None:
    """Its volumes are still there; the report says how to find them."""
    if site.transport == "luxi":
        pytest.skip("one job over LUXI: there is nothing in between")
    recreated(site)
    site.cluster.power_on("node3")
    site.cluster.mark("node3", offline=False)
    played = site.run_round()
    reason = next(outcome.action.reason for outcome in played.outcomes if outcome.action.name == "db")
    assert "node3, which held its disks, is back" in reason
    assert "@originstname+db" in reason
    site.kill("node3")  # it dies once more, and stays a person's
    played = rounds(site)
    assert (jobs(site, "INSTANCE_REINSTALL"), told(played, "db")[:2]) == (0, ("report", "behind"))


def test_a_success_names_the_volumes_that_were_left_behind(site: Site) -> None:
    """They are on the dead node, which may come back; the report says where they are, and how they are found."""
    site.cluster.add_instance("db", "drbd", "node3", "node2")
    site.allow("reinstall")
    for node in ("node3", "node2"):
        site.kill(node)
    reasons = []
    for _ in range(4):
        reasons += [
            outcome.action.reason for outcome in site.run_round().outcomes if outcome.action.result == "success"
        ]
        site.simulator.advance_until_idle()
    (reason,) = reasons
    assert "its former volumes are still on node3 and node2" in reason
    assert "lvs -o vg_name,lv_name,lv_size @originstname+db" in reason


def test_nor_when_a_node_that_held_them_before_another_recreation_is_back(site: Site) -> None:
    """The new node has died, too, and the disks were recreated once more: the data is still where it was at first."""
    if site.transport == "luxi":
        pytest.skip("one job over LUXI: there is nothing in between")
    recreated(site)
    first = site.cluster.instance("db").primary
    site.kill(first)
    site.simulator.advance(60)
    site.run_round()
    site.simulator.advance_until_idle()
    assert (site.cluster.instance("db").wiped, site.cluster.instance("db").primary != first) == (2, True)
    site.cluster.power_on("node3")
    site.cluster.mark("node3", offline=False)
    played = rounds(site)
    assert (jobs(site, "INSTANCE_REINSTALL"), told(played, "db")[:2]) == (0, ("report", "behind"))


# --- steps that stop half-way -----------------------------------------------------------------------------------------


def test_disks_on_leftover_volumes_are_in_doubt(site: Site) -> None:
    """Ganeti has moved the instance before it fails: it would start on the disks of an installation of long ago. That
    is remembered beyond the failure and its acknowledgement."""
    site.cluster.add_instance("db", "plain", "node3")
    site.allow("reinstall")
    site.kill("node3")
    for node in ("node1", "node2", "node4"):
        site.cluster.instance("db").data.copies[node] = site.cluster.instance("db").data.copies["node3"]
    rounds(site)
    assert site.state("db") == "repair_failed"
    assert in_doubt(site) == [site.cluster.instance("db").primary]
    _acknowledge(site, "db")
    played = rounds(site)
    what, why, reason = told(played, "db")
    assert (what, why) == ("report", "behind")
    assert "are not known to hold its data" in reason
    assert jobs(site, "INSTANCE_RECREATE_DISKS", "error") == 1


def test_the_only_full_copy_is_not_replaced_after_a_primary_died_in_a_resync(site: Site) -> None:
    """The failover to the copy that was behind has swapped the nodes; the good copy is on the dead one."""
    site.cluster.add_instance("db", "drbd", "node3", "node2")
    site.cluster.disconnect("db")
    site.cluster.begin_resync("db")  # of node2's copy
    site.allow("reinstall")
    site.kill("node3")
    rounds(site)
    assert site.state("db") == "repair_failed"
    assert in_doubt(site) == ["node2"]
    _acknowledge(site, "db")
    played = rounds(site)
    assert told(played, "db")[:2] == ("report", "behind")
    assert jobs(site, "INSTANCE_REPLACE_DISKS") == 0
    assert {where.place for where in site.cluster.newest("db")} == {"node3"}
    assert site.cluster.instance("db").secondaries == ["node3"]


def test_a_primary_that_dies_while_its_new_secondary_resyncs(site: Site) -> None:
    """The copy there is not complete: no failover to it, before or after the acknowledgement."""
    site.cluster.add_instance("db", "drbd", "node1", "node3")
    site.allow("failover")
    site.kill("node3")
    site.cluster.queue.durations.opcodes["OP_INSTANCE_REPLACE_DISKS"] = 600
    site.run_round()
    site.simulator.advance(300)
    site.kill("node1")
    rounds(site, 6)
    failed = site.state("db")
    _acknowledge(site, "db")
    played = rounds(site)
    assert failed == "repair_failed"
    assert told(played, "db")[:2] == ("report", "behind")
    assert "its newest data is on node1" in told(played, "db")[2]
    assert jobs(site, "INSTANCE_FAILOVER") + jobs(site, "INSTANCE_FAILOVER", "error") == 0


def test_a_doubt_goes_with_the_node_and_with_a_repair_that_succeeds(site: Site) -> None:
    """Nobody has to remove what says nothing any more."""
    web = site.cluster.add_instance("web", "drbd", "node1", "node2")
    web.tags |= {f"{BEHIND}{site.cluster.node(name).uuid}:1800000000" for name in ("node2", "node5")}
    site.allow("failover")
    rounds(site, 2)
    assert in_doubt(site, "web") == ["node2"]
    site.kill("node2")
    rounds(site, 5)
    assert in_doubt(site, "web") == []
    assert site.state("web") == "healthy"


def _acknowledge(site: Site, name: str) -> None:
    tags = site.cluster.instance(name).tags
    tags.difference_update([tag for tag in tags if ":failure:" in tag])


# --- harep's reinstall, which leaves empty disks ----------------------------------------------------------------------


@pytest.mark.parametrize("how", ["fails", "is canceled", "has no reinstall"])
@pytest.mark.parametrize("template", ["plain", "drbd"])
def test_disks_that_harep_left_empty_are_no_success(site: Site, template: str, how: str) -> None:
    """Its job recreates the disks, and then Ganeti refuses to reinstall what is marked up (13 times of 13)."""
    nodes = ("node3", "node2") if template == "drbd" else ("node3",)
    site.cluster.add_instance("db", template, *nodes)
    for node in nodes:
        site.kill(node)
    if how == "is canceled":
        site.simulator.troubles.add(JobTrouble("OP_INSTANCE_REINSTALL", "cancel", instance="db"))
    steps: list[tuple[str, dict[str, object]]] = [("RECREATE_DISKS", {"nodes": ["node1", "node4"][: len(nodes)]})]
    steps += [] if how == "has no reinstall" else [("REINSTALL", {})]
    job = site.cluster.submit(
        [opcodes.build(f"OP_INSTANCE_{op}", {"instance_name": "db", **more}) for op, more in steps]
    )
    site.cluster.instance("db").tags.add(f"{TAG}pending:reinstall:harep:{int(site.cluster.clock.now())}:{job}")
    site.simulator.advance_until_idle()
    rounds(site)
    assert not any(":success:" in tag for tag in site.tags("db"))
    assert in_doubt(site) == sorted(site.cluster.instance("db").nodes)
    assert site.state("db") == ("repair_disallowed" if how == "is canceled" else "repair_failed")
    _acknowledge(site, "db")
    assert told(rounds(site), "db")[:2] == ("report", "behind")


# --- no success that is none --------------------------------------------------------------------------------------


@pytest.mark.parametrize("flaps", [1, 4])
def test_a_repair_that_did_nothing_is_no_success(site: Site, flaps: int) -> None:
    """Its node came back; it has no result, and does not count for the flap guard."""
    site.cluster.add_instance("web", "drbd", "node3", "node2")
    site.allow("failover")
    site.cluster.leave_free("node2", memory=1, storage=99999)
    for _ in range(flaps):
        site.kill("node3")
        site.run_round(unbraked(max_repairs_per_window=2, repair_window=3600))
        site.simulator.advance(30)
        site.cluster.power_on("node3")
        site.cluster.mark("node3", offline=False)
        site.simulator.advance(60)
        site.run_round(unbraked(max_repairs_per_window=2, repair_window=3600))
        site.simulator.advance(30)
        assert site.tags("web") == []
    site.kill("node3")
    site.cluster.leave_free("node2", memory=64000, storage=99999)
    rounds(site, 3, unbraked(max_repairs_per_window=2, repair_window=3600))
    assert site.state("web") == "healthy"


# --- the world changes ------------------------------------------------------------------------------------------------


def test_a_silent_node_elsewhere_is_waited_for_and_named(site: Site) -> None:
    """The allocator asks all nodes; when that one is marked, the repair goes on at once."""
    site.cluster.add_instance("web", "drbd", "node1", "node3")
    site.allow("failover")
    site.kill("node3")
    site.cluster.power_off("node5")  # and nobody has marked it
    played = rounds(site, 6)
    what, why, reason = told(played, "web")
    assert (what, why) == ("wait", "node_silent")
    assert "node node5 does not answer" in reason
    assert "gnt-node modify --offline=yes --auto-promote node5" in reason
    site.cluster.mark("node5", offline=True)
    rounds(site, 3)
    assert site.state("web") == "healthy"


def test_an_allocator_that_is_not_there_has_its_own_reason(site: Site) -> None:
    """It is not for want of room."""
    site.cluster.add_instance("web", "drbd", "node1", "node3")
    site.allow("failover")
    site.kill("node3")
    for _ in range(5):
        played = site.run_round(iallocator="nosuch")
        site.simulator.advance_until_idle()
        site.simulator.advance(60)
    assert told(played, "web")[:2] == ("wait", "no_allocator")


@pytest.mark.parametrize("pause", [60, 600, 900, 3600], ids=lambda pause: f"rounds {pause} s apart")
@pytest.mark.parametrize("template", ["drbd", "rbd"])
def test_a_crashed_instance_moves_off_a_drained_node(site: Site, template: str, pause: float) -> None:
    """Ganeti does not migrate it; it has no running state to lose, and needs no more than permission to migrate."""
    nodes = ("node3", "node2") if template == "drbd" else ("node3",)
    site.cluster.add_instance("web", template, *nodes).running_on.clear()
    site.allow("migrate")
    site.cluster.node("node3").drained = True
    rounds(site, 6, pause=pause)
    assert site.state("web") == "healthy"
    assert site.cluster.instance("web").primary != "node3"
    assert not any("failure" in tag for tag in site.tags("web"))


def test_one_that_runs_again_is_migrated(site: Site) -> None:
    """The watcher has started it since: what it runs is not given up."""
    site.cluster.add_instance("web", "drbd", "node3", "node2").running_on.clear()
    site.allow("migrate")
    site.cluster.node("node3").drained = True
    site.run_round()
    site.simulator.advance_until_idle()
    site.cluster.watch()
    site.simulator.advance_until_idle()
    rounds(site, 5)
    assert (jobs(site, "INSTANCE_FAILOVER"), jobs(site, "INSTANCE_MIGRATE")) == (0, 1)


@pytest.mark.parametrize(("allowed", "state"), [("failover", "healthy"), ("migrate", "repair_disallowed")])
def test_a_drained_node_that_dies_while_it_is_emptied(site: Site, allowed: str, state: str) -> None:
    """What was to be migrated is failed over, where that is allowed; nothing fails."""
    for name in ("web", "db", "log"):
        site.cluster.add_instance(name, "drbd", "node3", "node2")
    site.allow(allowed)
    site.cluster.node("node3").drained = True
    site.simulator.troubles.add(JobTrouble("OP_INSTANCE_MIGRATE", "hang", instance="db"))
    site.simulator.troubles.add(JobTrouble("OP_TAGS_SET", "hang", instance="log"))
    site.run_round()
    site.simulator.advance(1)
    site.cluster.power_off("node3")
    site.cluster.mark("node3", offline=True, drained=False)
    site.simulator.advance(1)
    _end_hanging(site)
    rounds(site, 8)
    assert [site.state(name) for name in ("web", "db", "log")] == [state] * 3 or allowed == "migrate"
    assert not any("failure" in tag for name in ("web", "db", "log") for tag in site.tags(name))


def test_nodes_that_die_one_after_the_other_trip_the_breaker(site: Site) -> None:
    """Each is emptied before the next one dies, and counts for an hour all the same (law 9)."""
    for number in range(1, 7):
        site.cluster.add_instance(f"i{number}", "rbd", f"node{number}")
    site.allow("failover")
    tripped = []
    for number in (2, 5, 3):
        site.cluster.power_off(f"node{number}")
        site.cluster.mark(f"node{number}", offline=True)
        played = rounds(site, 3, Limits(max_in_flight=100))
        tripped.append(any(breaker.tripped for breaker in played.after.breakers))
    assert tripped == [False, False, True]
