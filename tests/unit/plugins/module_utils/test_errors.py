# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors: one family that a module catches once, with details for programs and words that can be shown."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils import errors
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AutorepairError, ClusterError

FAMILY = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
OF_THE_CLUSTER = {
    *("Unreachable", "TlsError", "Unauthorized", "Forbidden", "QueueDrained"),
    *("Held", "ClaimUnread", "ClaimOver", "ClockWrong"),
}


@pytest.mark.parametrize("kind", FAMILY, ids=lambda kind: kind.__name__)
def test_errors_are_a_family(kind: type[AutorepairError]) -> None:
    """Each tells programs its name, beside whatever else is known, and terminals nothing that they would obey."""
    error = kind("RAPI said \x1b[2J", jobs=[7])
    assert isinstance(error, AutorepairError)
    assert error.details == {"jobs": [7], "failure": kind.__name__}
    assert str(error) == "RAPI said \ufffd[2J"


def test_some_end_a_round() -> None:
    """Those after which the next instance would fare no better."""
    ends = {kind.__name__ for kind in FAMILY if issubclass(kind, ClusterError)}
    assert ends == OF_THE_CLUSTER | {"ClusterError"}
