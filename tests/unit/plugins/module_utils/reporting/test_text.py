# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report: data for modules and lines for people, dry and for real, with errors (design, section 6)."""

from __future__ import annotations

import itertools

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    at_most,
    cluster,
    drbd,
    ended,
    job,
    node,
    pending,
    plain,
    plan_of,
    rbd,
    settings,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import RequestRefused
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import dry_run, result, run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import utc
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts, under_way
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing
from unbraked import unbraked

ALLOW = [tag("reinstall")]


def round_on(client, check_mode=False, **more):
    if check_mode:
        return result(dry_run(DryRunClient(client), unbraked(**more), settings(), NOW), check_mode)
    return result(run_round(client, unbraked(**more), settings(), terms(client.clock)), check_mode)


def _report(*members, check_mode=False, script=lambda request: None, room=None, multi_opcode=False, **more):
    more.setdefault("tags", ALLOW)
    limits = {name: more.pop(name) for name in ("max_unhealthy", "fencing") if name in more}
    client = FakeClient(
        cluster(*members, **more), script=script, room=room or {}, supports_multi_opcode_jobs=multi_opcode
    )
    return round_on(client, check_mode, **limits)["report"]


def _row(report, name):
    """What is said of an object: its line, and the indented ones below it."""
    start = next(number for number, line in enumerate(report) if line.startswith(name))
    rest = itertools.takewhile(lambda line: line.startswith("    "), report[start + 1 :])
    return " ".join(" ".join([report[start], *rest]).split())


# --- lines ----------------------------------------------------------------------------------------------------------


def test_nothing_broken_is_three_lines():
    """And says of what, and when."""
    assert _report(rbd("web1", ONLINE), rbd("web2", ONLINE)) == [
        "cluster.example.com, 2027-01-15T08:00:00Z",
        "",
        "No instance is on a node marked offline or drained.",
        "",
        "2 instances: 2 healthy",
    ]


def test_an_empty_cluster_has_none():
    """No line ends in a colon."""
    assert _report()[-1] == "0 instances: none"


def test_a_mirrored_instance_s_new_disks_are_on_two_nodes():
    """Both are named, the primary first."""
    report = _report(drbd("web1", OFFLINE, OFFLINE), node("a"), node("b"), room={"a": (9000, 900), "b": (9001, 900)})
    assert "recreate-disks on b and a" in _row(report, "web1 ")


def test_no_line_is_wide_and_no_word_is_lost():
    """Reasons are broken between words."""
    report = _report(rbd("web1", OFFLINE, tag("suspend:tomorrow-in-the-early-morning")))
    assert max(map(len, report)) <= 100
    assert _row(report, "web1").endswith("tomorrow-in-the-early-morning is not a timestamp in seconds")


def test_a_command_can_be_copied():
    """It has a line of its own, however long."""
    report = _report(rbd("web1", OFFLINE, ended("failure")))
    assert f"        gnt-instance remove-tags web1 {ended('failure')}" in report


def test_a_dry_run_says_so():
    """In its first line."""
    assert _report(rbd("web1", ONLINE), check_mode=True)[0].endswith("2027-01-15T08:00:00Z: nothing was written")


DONE = job(7, "success", "FAILOVER")
ROWS = [
    (
        "a new repair",
        rbd("web1", OFFLINE),
        {},
        "pending_repair job 1003: failover primary web1-p is offline",
        "needs_repair would submit failover if there is room primary web1-p is offline",
    ),
    (
        "new disks",
        plain("web1", OFFLINE),
        {},
        "pending_repair job 1003: recreate-disks on spare primary web1-p is offline",
        "needs_repair would submit recreate-disks on spare, then reinstall primary web1-p is offline",
    ),
    (
        "one that goes on",
        drbd("web1", ONLINE, OFFLINE, pending(jobs="7")),
        {"jobs": [DONE]},
        "pending_repair job 1002: replace-disks secondary",
        "pending_repair would submit replace-disks if there is room secondary",
    ),
    (
        "a success",
        rbd("web1", ONLINE, pending(jobs="7")),
        {"jobs": [DONE]},
        "healthy ended the repair: success it is healthy",
        "pending_repair would end the repair: success it is healthy",
    ),
    (
        "a canceled one",
        rbd("web1", ONLINE, pending(jobs="7")),
        {"jobs": [job(7, "canceled", "FAILOVER")]},
        "healthy ended the repair: no result job 7 was canceled",
        "pending_repair would end the repair: no result",
    ),
    (
        "one whose job waits for what is not needed any more",
        rbd("web1", ONLINE, pending(jobs="7")),
        {"jobs": [job(7, "waiting", "FAILOVER")]},
        "healthy ended the repair: no result it is healthy; job 7 (INSTANCE_FAILOVER) is still waiting but no longer",
        "pending_repair would end the repair: no result it is healthy",
    ),
    (
        "a job of ours that is not needed any more, and whose tag does not stand yet",
        rbd("web1", ONLINE),
        {"jobs": [job(7, "waiting", "FAILOVER")]},
        "healthy canceled job 7 it is healthy; job 7 (INSTANCE_FAILOVER) is still waiting but no longer needed",
        "healthy would cancel job 7 it is healthy",
    ),
    (
        "a refusal",
        rbd("web1", OFFLINE, tag("migrate")),
        {},
        "repair_disallowed noted enoperm primary",
        "repair_disallowed would note enoperm primary",
    ),
    (
        "a lift",
        rbd("web1", ONLINE, tag("suspend:1")),
        {},
        "healthy lifted the suspend its suspend has expired",
        "healthy would lift the suspend its suspend has expired",
    ),
    (
        "one that waits",
        rbd("web1", OFFLINE, pending(jobs="7")),
        {"jobs": [job(7, "running", "FAILOVER")]},
        "pending_repair waits: job_under_way job 7",
        "pending_repair waits: job_under_way job 7",
    ),
    (
        "one that is held",
        rbd("web1", OFFLINE, tag("suspend")),
        {},
        "suspended held: suspended primary",
        "suspended held: suspended primary",
    ),
    (
        "one for a person",
        rbd("web1", OFFLINE, ended("failure")),
        {},
        "repair_failed needs a person: repair_failed its failover",
        "repair_failed needs a person: repair_failed its failover",
    ),
    (
        "one that is suspended and well",
        rbd("web1", ONLINE, tag("suspend")),
        {},
        "suspended suspended, and healthy",
        "suspended suspended, and healthy",
    ),
]


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "dry"])
@pytest.mark.parametrize(("one", "more", "real", "dry"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_a_line_tells_state_deed_and_why(one, more, real, dry, check_mode):
    """The state is the one after the round; a dry run changes none."""
    report = _report(one, node("spare"), room={"spare": (9000, 9000)}, check_mode=check_mode, **more)
    assert _row(report, "web1 ").startswith("web1 " + (dry if check_mode else real))


JOINED = [
    ("one step", rbd("web1", OFFLINE), "job 1002: failover primary", "would submit failover if there is room primary"),
    (
        "all steps",
        plain("web1", OFFLINE),
        "job 1003: recreate-disks on spare, reinstall primary",
        "would submit recreate-disks on spare, reinstall primary",
    ),
    (
        "of one that is marked offline",
        plain("web1", OFFLINE, admin_state="offline"),
        "job 1003: recreate-disks on spare, mark-down, reinstall, mark-offline primary",
        "would submit recreate-disks on spare, mark-down, reinstall, mark-offline primary",
    ),
    (
        "a new secondary",
        drbd("web1", OFFLINE, ONLINE),
        "job 1002: failover, replace-disks primary",
        "would submit failover, replace-disks if there is room primary",
    ),
    (
        "one of several",
        drbd("web1", DRAINED, DRAINED),
        "job 1002: replace-disks primary",
        "would submit replace-disks if there is room, then migrate, then replace-disks if there is room primary",
    ),
]


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "dry"])
@pytest.mark.parametrize(("one", "real", "dry"), [row[1:] for row in JOINED], ids=[row[0] for row in JOINED])
def test_a_line_names_all_steps_of_a_job(one, real, dry, check_mode):
    """Where one job can hold several."""
    report = _report(one, node("spare"), room={"spare": (9000, 9000)}, check_mode=check_mode, multi_opcode=True)
    assert (dry if check_mode else real) in _row(report, "web1 ")


def test_repairs_that_are_under_way_are_told_with_what_they_wait_for():
    """Suspended and failed ones too; those that have ended are not."""
    one = cluster(
        rbd("web1", OFFLINE, pending(jobs="7")),
        rbd("web2", OFFLINE, pending("reinstall", repair="r2"), tag("suspend")),
        rbd("web3", ONLINE, ended("success", repair="r3")),
        jobs=[job(7, "running", "FAILOVER")],
    )
    assert under_way(plan_of(one)) == [
        {"instance": "web1", "type": "failover", "reason": "job 7 (INSTANCE_FAILOVER) is in progress"},
        {
            "instance": "web2",
            "type": "reinstall",
            "reason": "primary web2-p is offline; suspended by its instance until the suspend tag is removed",
        },
    ]


def test_columns_stand_below_each_other():
    """Whatever the names' lengths."""
    report = _report(rbd("web1", OFFLINE), rbd("a-much-longer-name", OFFLINE, tag("suspend")), node("spare"))
    table = [line for line in report if line.startswith(("INSTANCE", "web1", "a-much"))]
    assert len(table) == 3
    assert len({line.index(word) for line, word in zip(table, ("STATE", "pending", "suspended"), strict=True)}) == 1


def test_suspends_lifted_from_groups_and_the_cluster_have_their_lines():
    """Named by their kind."""
    over = tag("suspend:1")
    report = _report(rbd("web1", ONLINE), tags=[over], group_tags={"default": [over]})
    assert (_row(report, "cluster  "), _row(report, "group default")) == (
        "cluster lifted the suspend its suspend has expired",
        "group default lifted the suspend its suspend has expired",
    )


def test_an_instance_that_is_lifted_and_repaired_shows_both():
    """Nothing that was done is left out."""
    report = "\n".join(_report(rbd("web1", OFFLINE, tag("suspend:1"), tag("failover")), node("spare")))
    assert "lifted the suspend" in report
    assert "job 1003: failover" in report


def test_an_error_has_a_line_and_the_deed_is_not_called_done():
    """With what came back."""
    refused = RequestRefused("RAPI answered 400 (Bad Request)")
    report = _report(rbd("web1", OFFLINE), node("spare"), script=lambda request: refused)
    assert "ERROR web1: RAPI answered 400 (Bad Request)" in report
    assert _row(report, "web1 ").startswith("web1 needs_repair the step failed primary")


def test_an_error_on_the_cluster_names_the_cluster():
    """Its name is empty in the action."""
    report = _report(tags=[tag("suspend:1")], script=lambda request: RequestRefused("refused"))
    assert any(line.startswith("ERROR cluster: refused") for line in report)


def test_an_error_on_a_group_names_its_kind():
    """A group may be called as an instance."""
    report = _report(group_tags={"web1": [tag("suspend:1")]}, script=lambda request: RequestRefused("refused"))
    assert any(line.startswith("ERROR group web1: refused") for line in report)


def test_a_step_that_was_refused_is_not_reported_as_submitted():
    """Only its intent was written."""

    def refuse(request):
        return RequestRefused("refused") if request.tasks[0].operation.value == "failover" else None

    report = _report(rbd("web1", OFFLINE), node("spare"), script=refuse)
    assert _row(report, "web1 ").startswith("web1 pending_repair the step failed primary")


def test_warnings_have_their_lines():
    """Tags that mean nothing where they stand."""
    assert any(line.startswith("WARNING the cluster: the tag") for line in _report(tags=[tag("Migrate")]))


def test_jobs_that_do_not_fit_into_the_tag_are_told():
    """The design: keep the newest ones, and say so in the report."""
    numbers = "1000001+1000002+1000003+1000004"
    text = tag(f"pending:failover:9d0c8a0e-5b1f-4b55-8c56-7f6a4b3a1f27:1795259564:{numbers}")
    client = FakeClient(
        cluster(
            rbd("web1", OFFLINE, text), node("spare"),
            jobs=[job(number, "success", "MIGRATE") for number in range(1000001, 1000005)],
        ),
        next_job=1000004,
    )  # fmt: skip
    assert "1000001" in "\n".join(round_on(client)["report"])


def test_the_counts_are_those_after_the_round():
    """In the states' order, without zeros."""
    report = _report(rbd("a", ONLINE), rbd("b", OFFLINE), rbd("c", OFFLINE, ended("failure")))
    assert report[-1] == "3 instances: 1 healthy, 1 pending_repair, 1 repair_failed"


# --- brakes and gates -----------------------------------------------------------------------------------------------

NONE = at_most("0")
STORM = [rbd("web1", OFFLINE), rbd("web2", OFFLINE), rbd("web3", ONLINE)]
BROKEN = "hold instances and are offline; max_unhealthy (0) allows 1"


def test_nothing_held_is_no_line():
    """Nor a word of breakers or of nodes to fence."""
    plan = plan_of(cluster(rbd("a", OFFLINE), tags=ALLOW))
    told = facts(plan)
    assert (told["held"], told["plan"]["fence"]) == ([], [])
    assert told["report"][-1] == "1 instance: 1 needs_repair"
    assert not any(line.startswith(("BREAKER", "FENCE", "held")) for line in told["report"])


def test_a_breaker_has_its_line():
    """Each that has tripped."""
    report = _report(*STORM, max_unhealthy=NONE)
    assert [line for line in report if line.startswith("BREAKER")] == [
        f"BREAKER 2 of 3 nodes {BROKEN}",
        "BREAKER 2 of 3 nodes of group default hold instances and are offline; max_unhealthy (0) allows 1",
    ]
    assert _row(report, "web1 ").startswith("web1 needs_repair held: breaker primary web1-p is offline; held: 2 of 3")
    assert report[-1] == "held: 2 by breaker"


def test_a_node_to_fence_has_its_line():
    """So that somebody may see to it."""
    report = _report(rbd("web1", OFFLINE), rbd("web2", OFFLINE), node("spare"), fencing=Fencing.CONFIRMED)
    assert [line for line in report if line.startswith("FENCE")] == [
        "FENCE web1-p: steps wait until it is confirmed to be off",
        "FENCE web2-p: steps wait until it is confirmed to be off",
    ]


@pytest.mark.parametrize("check_mode", [False, True], ids=["for real", "dry"])
def test_a_breaker_s_memory_has_its_line(check_mode):
    """On the cluster and on a group: that it is noted, that it cools down, that it is over."""
    noted, gone = ("remembered the storm", "would remember the storm"), ("forgot the storm", "would forget the storm")
    later = f"the number of offline nodes is within the limit again; no repair starts until {utc(NOW + 600)}"
    for text, limits, deed, words in (
        ("", {"max_unhealthy": NONE}, noted, f"2 of 3 nodes {BROKEN}"),
        ("breaker", {}, noted, later),
        (f"breaker:{NOW}", {}, gone, "its breaker has cooled down"),
    ):
        texts = [tag(text)] if text else []
        report = _report(*STORM, tags=[*ALLOW, *texts], group_tags={"default": texts}, check_mode=check_mode, **limits)
        assert _row(report, "cluster  ") == f"cluster {deed[check_mode]} {words}"
        there = words.replace("3 nodes", "3 nodes of group default")
        assert _row(report, "group default") == f"group default {deed[check_mode]} {there}"
