# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clock: whether this machine's agrees with the master's (design, law 12)."""

from __future__ import annotations

from ..errors import ClockWrong
from ..ganeti.client import Client
from ..ganeti.usable import time_of, values_of
from ..tags.clocks import MAX_SKEW

_TRY_AGAIN = "nothing was started; run it again"


def check_clock(client: Client, job: int, sent: float, answered: float) -> None:
    """Raise ClockWrong unless this machine's clock is known to agree with the master's within MAX_SKEW.

    The job `job` was sent at `sent`, and its id came at `answered`, in seconds since the epoch by this machine's clock.
    In between, by its own clock, the master received it: whether and how long the job waits afterwards does not matter.
    """
    received = _received(client, job)
    if received is None:
        raise ClockWrong(f"cannot compare clocks: the cluster does not say when it received job {job}; {_TRY_AGAIN}")
    ahead, behind = sent - received, received - answered
    if max(ahead, behind) > MAX_SKEW:
        way = f"{ahead:.0f} s ahead of" if ahead > behind else f"{behind:.0f} s behind"
        raise ClockWrong(
            f"the clock of this machine is {way} the master's; claims and timestamps need them to agree within "
            f"{MAX_SKEW} s: set this machine's clock (timedatectl shows whether it is synchronized), then run it again"
        )
    if max(answered - received, received - sent) > MAX_SKEW:
        took = f"the answer to job {job} took {answered - sent:.0f} s"
        raise ClockWrong(f"cannot compare clocks, as {took}: the master answers too slowly; {_TRY_AGAIN}")


def _received(client: Client, job: int) -> float | None:
    """When the master received a job, in seconds since the epoch by the master's clock."""
    fields = ("received_ts",)
    rows = client.query("job", fields, ["=", "id", job])
    return next((time_of(values_of(fields, row).get("received_ts")) for row in rows), None)
