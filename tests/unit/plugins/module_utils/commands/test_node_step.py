# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node step: what is refused before anything is written; tests/simulated/test_fences.py and test_returns.py do it."""

from __future__ import annotations

from typing import Any

import pytest
from unit.plugins.module_utils.fake import Clock, terms
from unit.plugins.module_utils.node_builders import NOW, look_data, observations
from unit.plugins.module_utils.queries.test_nodes import INFO, Told

from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_step import LONGEST_AGE, carry_out_wish
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.node_wish import Wish
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.readmission import Readmission
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions

WISHES = (Wish(("node3",)), Wish(("node3",), words="Anna"), Wish(("node3",), back=Readmission(3)))


@pytest.mark.parametrize("wish", WISHES, ids=["fence", "confirm", "readmit"])
@pytest.mark.parametrize(
    ("age", "changes", "words"),
    [
        (LONGEST_AGE + 1, {}, "121 s old"),
        (-1, {}, "-1 s old"),
        (0, {"uuid": "another"}, "of another cluster"),
        (0, {}, "nothing was written"),  # node3 is well, and nobody has told anything about it
    ],
)
def test_what_is_refused(wish: Wish, age: float, changes: dict[str, Any], words: str) -> None:
    """Looks that are old, or of the future, or of another cluster. The client has no way to submit anything."""
    client: Any = Told(info={**INFO, **changes})
    given: Any = observations(look_data(NOW - age))
    with pytest.raises(BadOption, match=words):
        carry_out_wish(wish, given, NodeOptions(), client, terms(Clock(NOW)))
