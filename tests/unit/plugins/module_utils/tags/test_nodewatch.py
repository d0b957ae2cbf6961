# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodewatch: every tag about nodes becomes a value; none that was meant as a limit gets lost."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import NODEWATCH
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.nodewatch import (
    NodePermission,
    NodeStage,
    NodeTags,
    Permit,
    Readmit,
    Staged,
    parse_node_tags,
    stage_tag,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.values import FOREVER, Suspend

UUID = "0f4bbd0d-5d5a-4b0c-a0a7-4f6c1c1a3cfa"


def parsed(*words: str) -> NodeTags:
    """The tags with these words after their prefix."""
    return parse_node_tags(NODEWATCH + word for word in words)


@pytest.mark.parametrize("level", NodePermission)
def test_a_permission_is_read(level: NodePermission) -> None:
    """By its name."""
    assert parsed(level.label).permits == (Permit(NODEWATCH + level.label, level),)


def test_what_else_people_write_is_read() -> None:
    """A suspend may have an end."""
    tags = parsed("readmit", "suspend", "suspend:1234")
    assert tags.readmits == (Readmit(NODEWATCH + "readmit"),)
    assert [suspend.until for suspend in tags.suspends] == [FOREVER, 1234.0]
    assert isinstance(tags.suspends[0], Suspend)


@pytest.mark.parametrize(
    ("words", "staged"),
    [
        (f"suspect:{UUID}:1234:isolated", ("suspect", 1234, "", "isolated")),
        (f"fencing:{UUID}:0a1b2c3d:1234", ("fencing", 1234, "0a1b2c3d", "")),
        (f"fenced:{UUID}:0a1b2c3d:1234:agent", ("fenced", 1234, "0a1b2c3d", "agent")),
        (f"failed:{UUID}:0a1b2c3d:1234:fence", ("failed", 1234, "0a1b2c3d", "fence")),
        (f"probation:{UUID}:0a1b2c3d:1234", ("probation", 1234, "0a1b2c3d", "")),
    ],
)
def test_what_is_remembered_of_a_node_is_read(words: str, staged: tuple[str, int, str, str]) -> None:
    """Each stage with its fields."""
    stage, time, incident, word = staged
    assert parsed(words).stages == (Staged(NODEWATCH + words, NodeStage(stage), UUID, time, incident, word),)
    if stage != "suspect":
        assert stage_tag(NodeStage(stage), UUID, incident, time, word) == NODEWATCH + words


@given(st.text(max_size=60))
def test_what_people_say_becomes_a_tag_that_is_read_again(words: str) -> None:
    """Whatever they say, or it is refused as too long; Ganeti takes letters, digits and a few signs."""
    try:
        tag = stage_tag(NodeStage.FENCED, UUID, "0a1b2c3d", 1234567890, "person." + words)
    except BadOption as error:
        assert "a tag has room for 39 characters" in str(error)
        return
    assert len(tag) <= 128 and re.fullmatch(r"[A-Za-z0-9.+*/:@_-]+", tag)
    (staged,) = parse_node_tags([tag]).stages
    assert (staged.stage, staged.id, staged.time) == (NodeStage.FENCED, "0a1b2c3d", 1234567890)


@pytest.mark.parametrize("words", ["suspect:x:1", "suspect:x:soon:off", "fencing:x::1", "fenced:x:y:1", "probation:"])
def test_what_is_remembered_and_can_t_be_read_is_no_limit(words: str) -> None:
    """It says nothing of what people permit; it is told."""
    tags = parsed(words)
    assert len(tags.malformed) == 1 and not tags.unread_limits and not tags.stages


@pytest.mark.parametrize("words", ["", "Fence", "fence:now", "readmit:1", "suspnd", "suspend:soon", "failover"])
def test_what_a_person_misspelled_is_a_limit(words: str) -> None:
    """Somebody meant something by it."""
    tags = parsed(words)
    assert len(tags.unread_limits) == 1 and not tags.permits and not tags.suspends


def test_others_are_none_of_its_business() -> None:
    """Tags of repairs, of mirrors, and what is remembered of fences and storms."""
    assert parse_node_tags(["ganeti:watcher:autorepair:failover", "x"]) == NodeTags()
    assert parsed(f"behind:{UUID}:1", "fences:1", "breaker", "breaker:7") == NodeTags()


@given(st.lists(st.text(st.characters(codec="ascii"), max_size=40)))
def test_no_tag_gets_lost(words: list[str]) -> None:
    """Each becomes one value, whatever it is."""
    tags = parsed(*words)
    values = [*tags.permits, *tags.readmits, *tags.suspends, *tags.stages, *tags.malformed]
    others = [word for word in words if word.partition(":")[0] in ("behind", "fences", "breaker")]
    assert len(values) == len(words) - len(others)
