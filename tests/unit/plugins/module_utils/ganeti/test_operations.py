# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Operations: one table, and nobody else repeats a part of it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti import operations
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import (
    CHECKED_FIRST,
    REPEATABLE,
    STEPS,
    Operation,
    Repeat,
)

ENGINE = Path(__file__).parents[5] / "plugins" / "module_utils"
ELSEWHERE = [path for path in sorted(ENGINE.rglob("*.py")) if path.parent.name not in ("ganeti", "rapi")]
OPCODE = re.compile(r'"(?:INSTANCE|TAGS|NODE|CLUSTER|BACKUP)_[A-Z_]+"')


@pytest.mark.parametrize("path", ELSEWHERE, ids=lambda path: str(path.relative_to(ENGINE)))
def test_no_other_file_spells_an_opcode(path: Path) -> None:
    """Above the transports an operation is a value: what is misspelt there is no operation."""
    assert OPCODE.findall(path.read_text()) == []


def test_an_operation_is_found_by_its_label() -> None:
    """Which stands in plans."""
    assert [Operation(operation.value) for operation in Operation] == list(Operation)


def test_a_step_that_loses_nothing_more_than_redundancy_needs_the_least() -> None:
    """The types are ordered by what a step may lose (design, section 2)."""
    losing = [step for step in STEPS if step.gives_up_something or step.is_reinstall]
    assert [step for step in losing if (step.row.type or 0) < RepairType.FAILOVER] == []


def test_what_gives_up_disks_is_never_repeated_after_it_began() -> None:
    """Law 8."""
    assert [step for step in STEPS if step.is_reinstall and step.row.repeat is Repeat.ALWAYS] == []
    assert not {operations.STARTUP, *(step.opcode for step in STEPS if step.is_reinstall)} & set(REPEATABLE)


def test_the_watched_opcodes_are_those_of_ganeti() -> None:
    """Held here to words, as a slip in the table would go unseen: it is the only place."""
    assert CHECKED_FIRST == (
        "INSTANCE_REPLACE_DISKS",
        "INSTANCE_MIGRATE",
        "INSTANCE_FAILOVER",
        "INSTANCE_RECREATE_DISKS",
    )
    assert REPEATABLE == ("TAGS_SET", "INSTANCE_REPLACE_DISKS", "INSTANCE_ACTIVATE_DISKS", "INSTANCE_FAILOVER")
