# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node options: each is checked before anything is asked."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import (
    NODE_SPECS,
    NodeOptions,
    parse_node_options,
)

DEFAULTS = {name: spec.get("default") for name, spec in NODE_SPECS.items()}


def test_the_defaults_are_those_of_the_specs() -> None:
    """So both say the same."""
    assert parse_node_options(DEFAULTS) == NodeOptions()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        *[("looks", 1), ("looks", -1), ("dead_after", -1), ("hung_after", -1), ("degraded_after", -1)],
        *[("witnesses", 0), ("witness_quorum", -1), ("probe_timeout", 0)],
    ],
)
def test_what_makes_no_sense_is_refused(name: str, given: int) -> None:
    """No verdict comes from one look (N5)."""
    with pytest.raises(BadOption, match=f"^{name} is {given}; it takes "):
        parse_node_options({**DEFAULTS, name: given})


def test_a_quorum_of_none_is_for_two_nodes() -> None:
    """It is taken; the judge sees to it that there are two."""
    assert parse_node_options({**DEFAULTS, "witness_quorum": 0}).witness_quorum == 0
