# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What carrying out takes: a number of connections that Ganeti serves."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import MOST_CONNECTIONS, ExecutionOptions


@pytest.mark.parametrize("connections", [1, MOST_CONNECTIONS])
def test_connections_that_are_served(connections: int) -> None:
    """From one to all that there are."""
    assert ExecutionOptions("", "", str, connections).connections == connections


@pytest.mark.parametrize("connections", [-1, 0, MOST_CONNECTIONS + 1])
def test_connections_that_are_not(connections: int) -> None:
    """Refused before anything is read."""
    with pytest.raises(BadOption, match=f"connections is {connections}; it takes a number from 1 to 20"):
        ExecutionOptions("", "", str, connections)
