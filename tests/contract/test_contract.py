# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Each sentence gives the same on both sides."""

from __future__ import annotations

from typing import Any

import pytest

from contract import book
from contract.sentence import Sentence


@pytest.mark.parametrize("one", book.SENTENCES, ids=[one.name for one in book.SENTENCES])
def test_simulator_answers_as_ganeti_does(one: Sentence, real: dict[str, Any], simulated: dict[str, Any]) -> None:
    ours, theirs = simulated[one.name], real[one.name]
    for shown in (ours, theirs):
        if isinstance(shown, Exception):
            raise shown
    assert len(ours) == len(theirs)
    for step, other in zip(ours, theirs, strict=True):
        assert step == other
