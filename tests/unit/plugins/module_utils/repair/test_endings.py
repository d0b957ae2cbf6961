# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How a repair ends: what is written in the place of its tags, and what stays."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    ONLINE,
    ended,
    job,
    next_for,
    pending,
    plain,
    rbd,
    tag,
)
from unit.plugins.module_utils.repair.test_decide import BAD, DONE, broken, well

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import ActionKind
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import behind_tag


def test_a_success_takes_the_place_of_everything_before_it():
    """Its own pending tags, and the results of older repairs."""
    old = ended("enoperm", "migrate", repair="r0", at=50)
    action = next_for(well(pending(jobs="7"), pending(), old), jobs=[DONE])
    assert (action.result, action.type.label, action.repair.jobs) == ("success", "failover", (7,))
    assert sorted(action.remove) == sorted([pending(jobs="7"), pending(), old])


def test_a_failure_is_written_for_its_repair():
    """With the type that the pending tag had."""
    action = next_for(broken(pending(jobs="7")), jobs=[BAD])
    assert (action.result, action.type.label, action.remove) == ("failure", "failover", (pending(jobs="7"),))


def test_a_success_whose_last_job_is_not_needed_keeps_the_results_that_others_count():
    """By them a runner knows that an instance is repaired again and again."""
    old = ended("success", repair="r0", jobs="3", at=NOW - 60)
    jobs = [job(7, "success", "FAILOVER"), job(8, "waiting", "REPLACE_DISKS")]
    action = next_for(well(pending(jobs="7+8"), old), jobs=jobs)
    assert (action.result, action.cancel, action.remove) == ("success", (8,), (pending(jobs="7+8"),))


def test_a_canceled_job_writes_no_result_and_keeps_the_older_ones():
    """It is a person's word, not a failure."""
    old = ended("success", repair="r0", at=50)
    action = next_for(broken(pending(jobs="7"), old), jobs=[job(7, "canceled", "FAILOVER")])
    assert (action.kind.value, action.result, action.remove) == ("finish", None, (pending(jobs="7"),))


def test_a_reinstall_that_was_canceled_says_that_the_disks_are_empty():
    """And a tag of the instance remembers it, so that no later round takes it for healthy."""
    jobs = [job(7, "success", "RECREATE_DISKS"), job(8, "canceled", "SHUTDOWN REINSTALL STARTUP")]
    action = next_for(plain("web1", ONLINE, pending("reinstall", "7+8"), tag("reinstall")), jobs=jobs)
    assert "empty" in action.reason
    assert (action.kind.value, action.result, action.add) == ("finish", None, (behind_tag("uuid-web1-p", NOW),))


def test_a_leftover_is_removed_without_a_new_result():
    """Only the pending tags of the repair that has its result."""
    action = next_for(well(pending(), pending(jobs="7"), ended("success", jobs="7")))
    assert (action.result, action.repair, sorted(action.remove)) == (None, None, sorted([pending(), pending(jobs="7")]))


def test_a_leftover_is_removed_before_a_new_repair_begins():
    """So that there are never two."""
    assert next_for(broken(tag("failover"), pending(), ended("success"))).kind.value == "finish"


def test_a_pending_tag_beside_a_failure_goes_and_the_failure_stays():
    """Left over from a crash, it would come to life again when a person removes the failure."""
    action = next_for(broken(ended("failure", jobs="7"), pending(jobs="7")), jobs=[BAD])
    assert (action.kind, action.result, action.remove) == (ActionKind.FINISH, None, (pending(jobs="7"),))
    after = next_for(broken(ended("failure", jobs="7")), jobs=[BAD])
    assert after.command == f"gnt-instance remove-tags web1 {ended('failure', jobs='7')}"


def test_older_results_go_when_nothing_else_is_to_be_done():
    """A runner died between setting a result and removing the ones before it."""
    old, new = ended("success", repair="a", at=100), ended("success", repair="b", at=200)
    assert next_for(rbd("web1", ONLINE, old, new)).remove == (old,)
    assert next_for(rbd("web1", ONLINE, old, new, tag("suspend"))).kind is ActionKind.NONE
    assert next_for(rbd("web1", ONLINE, old, ended("failure", repair="b"))).kind is ActionKind.REPORT


@pytest.mark.parametrize(("whose", "canceled"), [("r1", (7,)), ("", ())], ids=["ours", "harep's"])
def test_only_a_job_of_ours_is_canceled_when_it_is_not_needed_any_more(whose, canceled):
    """What harep has begun, and named in its tag, is harep's."""
    jobs = [job(7, "queued", "FAILOVER", repair=whose)]
    action = next_for(well(pending(jobs="7")), jobs=jobs)
    assert (action.kind.value, action.cancel) == ("finish" if canceled else "wait", canceled)
