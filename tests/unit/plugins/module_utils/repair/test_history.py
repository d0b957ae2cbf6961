# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Repairs: what tags and jobs together say of one instance's repairs (design, sections 2 and 5)."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    FAILOVER,
    OFFLINE,
    REINSTALL,
    ended,
    job,
    pending,
    plain,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.history import (
    Repair,
    adopt_jobs,
    reason_of,
    repairs_of,
    rest_of_reinstall,
    step_summaries,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import parse_tags


def _repairs(*texts):
    """Of each repair its id, jobs and result."""
    return [(one.id, one.jobs, one.result) for one in repairs_of(parse_tags(texts))]


MERGED = [
    ("one pending tag", [pending(jobs="7")], [("r1", (7,), None)]),
    ("the runner died before it removed the first tag", [pending(), pending(jobs="7")], [("r1", (7,), None)]),
    ("the jobs of all tags of one id count", [pending(jobs="7+8"), pending(jobs="9")], [("r1", (7, 8, 9), None)]),
    ("jobs are sorted, whatever the tag's order", [pending(jobs="9+7")], [("r1", (7, 9), None)]),
    ("a result beats the pending tag", [pending(jobs="7"), ended("success", jobs="7")], [("r1", (7,), "success")]),
    ("also one written before it", [pending(jobs="7", at=900), ended("enoperm", at=1)], [("r1", (7,), "enoperm")]),
    ("failure beats success", [ended("failure", at=1), ended("success", at=2)], [("r1", (), "failure")]),
    ("success beats enoperm", [ended("enoperm", at=2), ended("success", at=1)], [("r1", (), "success")]),
    (
        "two ids are two repairs",
        [pending(repair="b", at=2), pending(repair="a", at=3)],
        [("b", (), None), ("a", (), None)],
    ),
    ("in one second the id decides", [pending(repair="b"), pending(repair="a")], [("a", (), None), ("b", (), None)]),
    (
        "the oldest comes first, as a number",
        [pending(repair="a", at=1000), pending(repair="b", at=999)],
        [("b", (), None), ("a", (), None)],
    ),
    ("no tag, no repair", [], []),
]


@pytest.mark.parametrize(("texts", "wanted"), [row[1:] for row in MERGED], ids=[row[0] for row in MERGED])
def test_tags_with_one_id_are_one_repair(texts, wanted):
    """A runner may die between adding a tag and removing the one before."""
    assert _repairs(*texts) == wanted
    assert _repairs(*reversed(texts)) == wanted


def test_a_repair_keeps_all_its_tags_and_the_first_one_s_time():
    """All of them are to be removed in the end."""
    texts = [pending(at=100), pending(at=100, jobs="7")]
    (repair,) = repairs_of(parse_tags(texts))
    assert sorted(repair.tags) == sorted(texts)
    assert (repair.type, repair.timestamp) == (FAILOVER, 100)


# --- adoption -------------------------------------------------------------------------------------------------------

ADOPTED = [
    ("a step with our reason", [], [job(7, "success", "FAILOVER", repair="r1")], (7,)),
    (
        "beside the one that is noted",
        [5],
        [job(5, "success", "FAILOVER"), job(7, "queued", "MIGRATE", repair="r1")],
        (5, 7),
    ),
    ("words behind the id", [], [job(7, "success", "FAILOVER", repair="r1 nightly repair")], (7,)),
    ("not another repair's", [], [job(7, "success", "FAILOVER", repair="r2")], ()),
    ("not one whose id only begins so", [], [job(7, "success", "FAILOVER", repair="r11")], ()),
    ("not one of another instance", [], [job(7, "success", "FAILOVER", "web2", repair="r1")], ()),
    ("not a job that writes tags", [], [job(7, "success", "TAGS_SET", repair="r1")], ()),
    ("not what somebody else submitted", [], [job(7, "success", "FAILOVER", repair="")], ()),
    (
        "a reinstall after our recreation",
        [5],
        [job(5, "success", "RECREATE_DISKS"), job(7, "running", "SHUTDOWN REINSTALL STARTUP")],
        (5, 7),
    ),
    (
        "after an adopted recreation too",
        [],
        [job(5, "success", "RECREATE_DISKS", repair="r1"), job(7, "queued", "REINSTALL")],
        (5, 7),
    ),
    ("not a reinstall before it", [5], [job(5, "success", "RECREATE_DISKS"), job(4, "success", "REINSTALL")], (5,)),
    (
        "not a reinstall after one that failed",
        [5],
        [job(5, "error", "RECREATE_DISKS"), job(7, "queued", "REINSTALL")],
        (5,),
    ),
    (
        "one after a recreation whose job failed later",
        [5],
        [job(5, "error", "RECREATE_DISKS SHUTDOWN REINSTALL", done=1), job(7, "queued", "REINSTALL")],
        (5, 7),
    ),
    (
        "a job that did more than a step",
        [],
        [job(7, "running", "TAGS_SET RECREATE_DISKS SHUTDOWN REINSTALL", repair="r1")],
        (7,),
    ),
    (
        "not a reinstall after somebody else's recreation",
        [],
        [job(5, "success", "RECREATE_DISKS", repair=""), job(7, "queued", "REINSTALL")],
        (),
    ),
    (
        "not another step of somebody's after it",
        [5],
        [job(5, "success", "RECREATE_DISKS"), job(7, "queued", "FAILOVER", repair="")],
        (5,),
    ),
    (
        "not a reinstall of another instance",
        [5],
        [job(5, "success", "RECREATE_DISKS"), job(7, "queued", "REINSTALL", "web2")],
        (5,),
    ),
    (
        "not a reinstall between two recreations",
        [5, 9],
        [job(5, "success", "RECREATE_DISKS"), job(7, "success", "REINSTALL"), job(9, "success", "RECREATE_DISKS")],
        (5, 9),
    ),
]


@pytest.mark.parametrize(("noted", "known", "wanted"), [row[1:] for row in ADOPTED], ids=[row[0] for row in ADOPTED])
def test_jobs_whose_submitter_died_are_found_again(noted, known, wanted):
    """By the reason trail, and a reinstall by what it follows, as RAPI writes no reason for it."""
    repair = Repair(REINSTALL, "r1", 100, tuple(noted))
    assert adopt_jobs(repair, plain("web1", OFFLINE).instance, {one.id: one for one in known}).jobs == wanted


def test_our_reason_is_known_again():
    """With and without words of the user's."""
    assert reason_of("r1") == "ganeti.autorepair:r1"
    assert reason_of("r1", "nightly repair") == "ganeti.autorepair:r1 nightly repair"
    assert reason_of("r1", "nächtlich") == "ganeti.autorepair:r1 n\\xe4chtlich"


def test_all_steps_are_looked_for_by_the_instance_s_full_name():
    """The summaries that Ganeti gives such jobs."""
    assert step_summaries("web1") == (
        "INSTANCE_REPLACE_DISKS(web1)",
        "INSTANCE_MIGRATE(web1)",
        "INSTANCE_FAILOVER(web1)",
        "INSTANCE_RECREATE_DISKS(web1)",
        "INSTANCE_REINSTALL(web1)",
        "INSTANCE_SET_PARAMS(web1)",
        "INSTANCE_ACTIVATE_DISKS(web1)",
        "INSTANCE_STARTUP(web1)",
    )


# --- the rest of a reinstall ----------------------------------------------------------------------------------------

RECREATED = job(5, "success", "RECREATE_DISKS")
REST = [
    ("nothing was recreated", "up", [job(5, "success", "FAILOVER")], []),
    ("the recreation failed", "up", [job(5, "error", "RECREATE_DISKS")], []),
    ("disks are empty", "up", [RECREATED], ["reinstall"]),
    ("disks are empty, and it is meant to be down", "down", [RECREATED], ["reinstall"]),
    ("it was reinstalled", "up", [RECREATED, job(6, "success", "SHUTDOWN REINSTALL STARTUP")], []),
    ("one job did both", "up", [job(5, "success", "RECREATE_DISKS SHUTDOWN REINSTALL STARTUP")], []),
    (
        "the second half of the job failed",
        "up",
        [job(5, "error", "TAGS_SET RECREATE_DISKS SHUTDOWN REINSTALL STARTUP", done=3)],
        ["reinstall"],
    ),
    (
        "only the start failed",
        "down",
        [job(5, "error", "TAGS_SET RECREATE_DISKS SHUTDOWN REINSTALL STARTUP", done=4)],
        [],
    ),
    (
        "it was canceled in between",
        "up",
        [job(5, "canceled", "RECREATE_DISKS SHUTDOWN REINSTALL", done=1)],
        ["reinstall"],
    ),
    (
        "the whole job of one that is marked offline",
        "offline",
        [job(5, "success", "RECREATE_DISKS SET_PARAMS SHUTDOWN REINSTALL SET_PARAMS")],
        [],
    ),
    (
        "which failed at the reinstall",
        "down",
        [job(5, "error", "RECREATE_DISKS SET_PARAMS SHUTDOWN REINSTALL SET_PARAMS", done=3)],
        ["reinstall", "mark-offline"],
    ),
    (
        "or when it was to be marked offline again",
        "down",
        [job(5, "error", "RECREATE_DISKS SET_PARAMS SHUTDOWN REINSTALL SET_PARAMS", done=4)],
        ["mark-offline"],
    ),
    (
        "or when it was to be marked down",
        "offline",
        [job(5, "error", "RECREATE_DISKS SET_PARAMS SHUTDOWN REINSTALL SET_PARAMS", done=1)],
        ["mark-down", "reinstall", "mark-offline"],
    ),
    ("the reinstall failed", "down", [RECREATED, job(6, "error", "REINSTALL")], ["reinstall"]),
    (
        "recreated once more after it",
        "up",
        [RECREATED, job(6, "success", "REINSTALL"), job(7, "success", "RECREATE_DISKS")],
        ["reinstall"],
    ),
    ("a step after it changes nothing", "up", [RECREATED, job(6, "success", "FAILOVER")], ["reinstall"]),
    ("marked offline", "offline", [RECREATED], ["mark-down", "reinstall", "mark-offline"]),
    ("marked down for it", "down", [RECREATED, job(6, "success", "SET_PARAMS")], ["reinstall", "mark-offline"]),
    (
        "marking it down failed",
        "offline",
        [RECREATED, job(6, "error", "SET_PARAMS")],
        ["mark-down", "reinstall", "mark-offline"],
    ),
    (
        "reinstalled, and still marked down",
        "down",
        [RECREATED, job(6, "success", "SET_PARAMS"), job(7, "success", "REINSTALL")],
        ["mark-offline"],
    ),
    (
        "and marked offline again",
        "offline",
        [RECREATED, job(6, "success", "SET_PARAMS"), job(7, "success", "REINSTALL"), job(8, "success", "SET_PARAMS")],
        [],
    ),
    ("reinstalled by a person, who marked it as well", "offline", [RECREATED, job(7, "success", "REINSTALL")], []),
]


@pytest.mark.parametrize(("admin", "known", "wanted"), [row[1:] for row in REST], ids=[row[0] for row in REST])
def test_what_is_still_to_do_after_disks_were_recreated(admin, known, wanted):
    """An instance that is marked offline is marked down for the reinstall, and offline again after it."""
    repair = Repair(REINSTALL, "r1", 100, tuple(one.id for one in known))
    instance = plain("web1", OFFLINE, admin_state=admin).instance
    rest = rest_of_reinstall(repair, instance, {one.id: one for one in known})
    assert [step.operation.value for step in rest] == wanted
    assert all(step.needs is REINSTALL for step in rest)
