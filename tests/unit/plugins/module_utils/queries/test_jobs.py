# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which jobs are asked for, and what of them is read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    OFFLINE,
    ONLINE,
    cluster,
    ended,
    job,
    job_object,
    matches,
    no_room,
    pending,
    rbd,
)
from unit.plugins.module_utils.fake import FakeClient
from unit.plugins.module_utils.queries.test_cluster import Scripted, read_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import RequestRefused
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import make_draft
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.history import step_summaries
from unbraked import unbraked


def _job_queries(one):
    client: Any = Scripted(FakeClient(one))
    read_cluster(client)
    return [qfilter for resource, qfilter in client.asked if resource == "job"]


def _found(one, *jobs):
    """The ids of those of `jobs` that are asked for."""
    return sorted(one_job.id for one_job in jobs if matches(job_object(one_job), _job_queries(one)[0]))


def test_all_unfinished_jobs_are_read():
    """They make instances busy."""
    jobs = [
        job(n, status, "REBOOT")
        for n, status in enumerate(("queued", "waiting", "running", "canceling", "success", "error", "canceled"))
    ]
    assert _found(cluster(rbd("web1", ONLINE)), *jobs) == [0, 1, 2, 3]


def test_the_jobs_of_pending_and_failed_repairs_are_read():
    """Of others nobody needs to know."""
    one = cluster(
        rbd("web1", OFFLINE, pending(jobs="1+2")),
        rbd("web2", OFFLINE, ended("failure", jobs="3")),
        rbd("web3", ONLINE, ended("success", jobs="4")),
        rbd("web4", ONLINE, ended("enoperm", jobs="5")),
    )
    assert _found(one, *(job(number, "success", "REBOOT", "other") for number in range(1, 6))) == [1, 2, 3]


@pytest.mark.parametrize(("name", "found"), [("web1", [1]), ("web2", []), ("web3", [])])
def test_all_steps_on_an_instance_with_a_pending_repair_are_read(name, found):
    """One of them may be the repair's, not noted any more."""
    one = cluster(rbd("web1", OFFLINE, pending()), rbd("web2", OFFLINE, ended("success")), rbd("web3", OFFLINE))
    assert _found(one, job(1, "success", "RECREATE_DISKS", name)) == found


@pytest.mark.parametrize(
    ("noted", "again"), [("7+8+9", [["=", "id", 7], ["=", "id", 9]]), ("8", None), ("", [])], ids=str
)
def test_repairs_whose_jobs_are_not_clear_are_asked_for_once_more(noted, again):
    """So that archived jobs are found: those noted that did not come, and any that was not noted."""
    one = cluster(rbd("web1", OFFLINE, pending(jobs=noted)), jobs=[job(8, "success", "FAILOVER", repair="")])
    steps = [["=[]", "summary", text] for text in sorted(step_summaries("web1"))]
    assert _job_queries(one)[1:] == ([["|", *again, *steps]] if again is not None else [])


def test_what_was_asked_for_and_followed_is_remembered():
    """To tell a job that is gone from one that has come since."""
    read = read_of(
        cluster(rbd("web1", OFFLINE, pending(jobs="7+8")), rbd("web2", ONLINE, ended("failure", jobs="9", repair="x")))
    )
    assert (read.queried_job_ids, read.tracked_repair_ids) == (frozenset({7, 8}), frozenset({"r1"}))


def test_a_repair_that_comes_between_the_two_looks_is_not_followed():
    """Its tag is seen, its jobs were not looked for."""

    class Changing(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            rows = super().query(resource, fields, qfilter)
            if resource == "job":
                self.cluster = replace(self.cluster, instances=cluster(rbd("web1", OFFLINE, pending())).instances)
            return rows

    plan = make_draft(read_cluster(Changing(cluster(rbd("web1", OFFLINE)))), unbraked(), NOW)
    assert [(action.kind.value, case.progress.name) for case, action in plan.rows] == [("wait", "NOT_READ")]


def test_jobs_are_read_with_what_a_repair_needs():
    """Operations, instances, reasons and who wrote them, the first error, the end."""
    trail: dict[str, Any] = {"reasons": ("ganeti.autorepair:r1",), "sources": ("gnt:client",)}
    jobs = [no_room(7, **trail), job(8, "running", "SHUTDOWN REINSTALL", **trail)]
    one = cluster(rbd("web1", OFFLINE, pending(jobs="7+8")), jobs=jobs)
    assert read_of(one).jobs == one.jobs


RAW = {"id": 7, "status": "error", "summary": ["INSTANCE_FAILOVER(web1)"], "ops": [{"instance_name": "web1"}]}
ERRORS = [
    (
        "with a code",
        ["error"],
        [["OpPrereqError", ["no room", "insufficient_resources"]]],
        ("no room", "insufficient_resources"),
    ),
    ("without a code", ["error"], [["OpExecError", ["it broke"]]], ("it broke", "")),
    (
        "of the first opcode that failed",
        ["success", "error", "error"],
        [None, ["E", ["one"]], ["E", ["two"]]],
        ("one", ""),
    ),
    ("words alone", ["error"], ["it broke"], ("it broke", "")),
    ("a code that is no text", ["error"], [["E", ["it broke", 5]]], ("it broke", "5")),
    ("nothing at all", ["error"], [None], ("None", "")),
    ("an empty list", ["error"], [[]], ("[]", "")),
    ("of no opcode", ["success"], [None], ("", "")),
    ("where nothing came", None, None, ("", "")),
    ("where nonsense came", "error", 5, ("", "")),
]


@pytest.mark.parametrize(("statuses", "results", "wanted"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_the_error_of_a_job(statuses, results, wanted):
    """Ganeti gives `[class, [words, code]]`."""
    read = read_of(cluster(), jobs=[RAW | {"opstatus": statuses, "opresult": results}])
    assert (read.jobs[7].error, read.jobs[7].error_code) == wanted


@pytest.mark.parametrize(
    "change",
    [
        {"ops": None}, {"ops": [None, 5, "x"]}, {"ops": [{"instance_name": 5}]}, {"ops": [{"reason": "x"}]},
        {"ops": [{"reason": [5, [], ["x"]]}]}, {"ops": [{"kind": "instance"}]}, {"summary": None}, {"summary": [5]},
        {"opstatus": 5}, {"end_ts": None}, {"end_ts": 5}, {"end_ts": []}, {"end_ts": ["a", "b"]},
        {"end_ts": [None, None]},
    ],
    ids=str,
)  # fmt: skip
def test_nonsense_in_a_job_breaks_nothing(change):
    """Whatever could be read of it stands."""
    job_read = read_of(cluster(), jobs=[RAW | change]).jobs[7]
    assert (job_read.status, job_read.unfinished) == ("error", False)


@pytest.mark.parametrize("change", [{"id": None}, {"id": "7"}, {"status": None}, {"status": 5}], ids=str)
def test_a_row_without_an_id_or_a_status_is_no_job(change):
    """So Ganeti answers for one that is gone."""
    assert read_of(cluster(), jobs=[RAW | change]).jobs == {}


@pytest.mark.parametrize(
    ("op", "names"),
    [
        ({"instance_name": "web1"}, ("web1",)),
        ({"kind": "instance", "name": "web1"}, ("web1",)),
        ({"kind": "node", "name": "web1"}, ()),
        ({"name": "web1"}, ()),
    ],
    ids=["a step", "tags of an instance", "tags of a node", "neither"],
)
def test_the_instances_that_a_job_is_about(op, names):
    """Jobs that write tags hold the instance too."""
    assert read_of(cluster(), jobs=[RAW | {"ops": [op, op]}]).jobs[7].instances == names


@pytest.mark.parametrize(("field", "name"), [("received_ts", "received"), ("start_ts", "started"), ("end_ts", "ended")])
@pytest.mark.parametrize(
    ("told", "wanted"),
    [([100, 500000], 100.5), ([100, 0], 100), (None, None), (5, None), ([5], None), (["a", 0], None)],
)
def test_the_times_of_a_job_are_in_seconds(field, name, told, wanted):
    """Ganeti gives seconds and microseconds, and nothing where it has not come so far."""
    assert getattr(read_of(cluster(), jobs=[RAW | {field: told}]).jobs[7], name) == wanted


@pytest.mark.parametrize(
    ("ops", "wanted"),
    [
        ([{"depends": [[5, ["success"]], [6, []]]}, {"depends": [[5, ["success"]]]}], (5, 6)),
        ([{"depends": None}, {}], ()),
        ([{"depends": [[], 5, ["x", []]]}], ()),
        ([{"depends": "5"}], ()),
    ],
)
def test_the_jobs_that_a_job_waits_for(ops, wanted):
    """With any of its opcodes; nonsense is none."""
    assert read_of(cluster(), jobs=[RAW | {"ops": ops}]).jobs[7].after == wanted


# --- a job that RAPI can't read --------------------------------------------------------------------------------------


class Unreadable(FakeClient):
    """RAPI refuses each answer with the opcodes of job 9 in it, as that job's reason is not ASCII (measured)."""

    def query(self, resource, fields, qfilter=None, seconds=None):
        rows = super().query(resource, fields, qfilter, seconds)
        if resource == "job" and "ops" in fields and any(row[0][1] == 9 for row in rows):
            raise RequestRefused("cannot query jobs: 500 ('utf-8' codec can't decode byte 0xfc in position 372)")
        return rows


@pytest.mark.parametrize("others", [0, 1, 2, 5])
def test_one_job_that_can_t_be_read_does_not_hide_the_others(others):
    """It is known by its summary, and its instance waits for it; all others are as they would be without it (law 4)."""
    jobs = [job(20 + at, "running", "FAILOVER", f"db{at}") for at in range(others)]
    one = cluster(rbd("web1", OFFLINE), jobs=[*jobs, job(9, "running", "REBOOT", "web1", repair="")])
    read = read_cluster(Unreadable(one)).jobs
    assert {number: known for number, known in read.items() if number != 9} == {
        known.id: replace(known, sources=("gnt:client",)) for known in jobs
    }
    assert (read[9].status, read[9].operations, read[9].instances) == ("running", ("INSTANCE_REBOOT",), ("web1",))


def test_another_refusal_is_told():
    """It is no odd job."""

    class Refuses(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            if resource == "job":
                raise RequestRefused("cannot query jobs: 500 (out of memory)")
            return super().query(resource, fields, qfilter, seconds)

    with pytest.raises(RequestRefused, match="out of memory"):
        read_cluster(Refuses(cluster(rbd("web1", OFFLINE))))
