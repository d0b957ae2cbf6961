# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each sentence gives the same on both sides."""

from __future__ import annotations

from typing import Any

import pytest

from contract import book
from contract.sentence import Sentence
from contract.versions import DIFFERENT, as_of


@pytest.mark.parametrize("one", book.SENTENCES, ids=[one.name for one in book.SENTENCES])
def test_simulator_answers_as_ganeti_does(
    one: Sentence, real: dict[str, Any], simulated: dict[str, Any], version: str
) -> None:
    ours, theirs = simulated[one.name], real[one.name]
    for shown in (ours, theirs):
        if isinstance(shown, Exception):
            raise shown
    ours = as_of(version, ours)
    assert len(ours) == len(theirs)
    for step, other in zip(ours, theirs, strict=True):
        assert step == other


def test_what_another_version_shows_otherwise_is_known_by_name(simulated: dict[str, Any]) -> None:
    assert {name for name, shown in simulated.items() if as_of("3.1", shown) != shown} == DIFFERENT
