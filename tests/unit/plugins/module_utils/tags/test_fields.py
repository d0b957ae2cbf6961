# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tags are written as they are read, and fit into what Ganeti takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some
from unit.plugins.module_utils.builders import FAILOVER, FIX_STORAGE, MIGRATE, tag
from unit.plugins.module_utils.tags.test_values import UUID

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import breaker_tag, pending_tag, result_tag
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import (
    RESULTS,
    Malformed,
    Pending,
    Result,
    parse_tag,
)

LONGEST = 128


# --- writing --------------------------------------------------------------------------------------------------------


def test_tags_are_written_as_the_design_has_them():
    """Every form that is written."""
    assert pending_tag(FAILOVER, "r1", 100, ()) == tag("pending:failover:r1:100:")
    assert pending_tag(FAILOVER, "r1", 100, (7, 8)) == tag("pending:failover:r1:100:7+8")
    assert result_tag(FIX_STORAGE, "r1", 100, "enoperm", ()) == tag("result:fix-storage:r1:100:enoperm:")
    assert result_tag(FIX_STORAGE, "r1", 100, "failure", (7, 8)) == tag("result:fix-storage:r1:100:failure:7+8")
    assert breaker_tag() == tag("breaker")
    assert breaker_tag(0) == tag("breaker:0")
    assert breaker_tag(1_800_000_600) == tag("breaker:1800000600")


def test_of_too_many_jobs_the_newest_are_kept():
    """A tag has 128 characters; harep's own kind of id leaves room for three jobs of seven digits in a result."""
    jobs = (1000001, 1000002, 1000003, 1000004, 1000005)
    assert result_tag(FIX_STORAGE, UUID, 1795259564, "failure", jobs).endswith(":failure:1000003+1000004+1000005")
    assert pending_tag(FIX_STORAGE, UUID, 1795259564, jobs).endswith(":1000002+1000003+1000004+1000005")
    assert pending_tag(FIX_STORAGE, UUID, 1795259564, jobs[:4]).endswith(":1000001+1000002+1000003+1000004")


@pytest.mark.parametrize("length", [126, 127, 128, 129])
def test_a_tag_of_128_characters_is_written_whole_and_one_of_129_loses_its_oldest_job(length):
    """The edge, to the character."""
    head = len(pending_tag(MIGRATE, "r", 100, (1, 2)))
    text = pending_tag(MIGRATE, "r" * (length - head + 1), 100, (1, 2))
    assert text.endswith(":1+2" if length <= LONGEST else "r:100:2")


def _longest_id(kind: str, timestamp: str) -> str:
    return "i" * (LONGEST - len(tag(f"result:{kind}::{timestamp}:success:")))


@pytest.mark.parametrize("word", ["pending", "result"])
def test_an_id_for_which_no_result_could_be_written_is_unreadable(word):
    """Else a repair would begin that could never end; one character less can be read."""
    timestamp, tail = "1800000000", ":success:" if word == "result" else ":"
    longest = _longest_id("failover", timestamp)
    good = parse_tag(tag(f"{word}:failover:{longest}:{timestamp}{tail}"))
    bad = parse_tag(tag(f"{word}:failover:{longest}i:{timestamp}{tail}"))
    assert isinstance(good, (Pending, Result))
    assert isinstance(bad, Malformed)
    assert "too long" in bad.problem


def test_an_id_leaves_room_for_the_time_when_the_repair_ends():
    """The result carries the time of its writing, which has ten digits however short the pending tag's was."""
    repair_id = _longest_id("failover", "1")
    read = parse_tag(tag(f"pending:failover:{repair_id}:1:"))
    assert isinstance(read, Malformed) or len(result_tag(read.type, read.id, 1_800_000_000, "failure", ())) <= 128


IDS = some.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789.+*/@_-", min_size=1, max_size=40)
TIMES = some.integers(min_value=0, max_value=10**12)
JOBS = some.lists(some.integers(min_value=1, max_value=10**9), max_size=12).map(lambda jobs: tuple(sorted(set(jobs))))


@given(some.sampled_from(RepairType), IDS, TIMES, JOBS)
def test_a_pending_tag_that_is_written_is_read_again(kind, repair_id, timestamp, jobs):
    """Nothing is lost but the oldest jobs, and only where they don't fit."""
    text = pending_tag(kind, repair_id, timestamp, jobs)
    read = parse_tag(text)
    assert isinstance(read, Pending)
    assert (read.tag, read.type, read.id, read.timestamp) == (text, kind, repair_id, timestamp)
    assert len(text) <= LONGEST
    _assert_newest(read.jobs, jobs, len(text))


@given(some.sampled_from(RepairType), IDS, TIMES, some.sampled_from(RESULTS), JOBS)
def test_a_result_tag_that_is_written_is_read_again(kind, repair_id, timestamp, word, jobs):
    """The same for results."""
    text = result_tag(kind, repair_id, timestamp, word, jobs)
    read = parse_tag(text)
    assert isinstance(read, Result)
    assert (read.tag, read.type, read.id, read.timestamp, read.result) == (text, kind, repair_id, timestamp, word)
    assert len(text) <= LONGEST
    _assert_newest(read.jobs, jobs, len(text))


def _assert_newest(kept: tuple[int, ...], jobs: tuple[int, ...], length: int) -> None:
    """`kept` are the newest of `jobs`, and one more would not have fitted."""
    assert kept == jobs[len(jobs) - len(kept) :]
    if len(kept) < len(jobs):
        assert length + len(f"{jobs[len(jobs) - len(kept) - 1]}+"[: None if kept else -1]) > LONGEST
