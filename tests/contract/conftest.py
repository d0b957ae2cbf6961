# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the two sides showed. Without a lab every sentence is skipped by its name, with the lab's reason."""

from __future__ import annotations

from typing import Any

import pytest

from contract import book
from contract.sides import Real, Simulated
from lab import Lab
from simulator import Simulator


@pytest.fixture(scope="session")
def real_cluster(lab: Lab) -> Real:
    """Return real Ganeti with the instances of the sentences; it is made new for them."""
    lab.reset()
    return Real(lab)


@pytest.fixture(scope="session")
def real(real_cluster: Real) -> dict[str, Any]:
    """Return what the sentences show on real Ganeti. It takes its time, so they run side by side where they can."""
    return book.read(real_cluster, readers=book.READERS)


@pytest.fixture(scope="session")
def version(real_cluster: Real) -> str:
    """Return the version of real Ganeti."""
    version: str = real_cluster.call("QueryClusterInfo", [])["result"]["software_version"]
    return version


@pytest.fixture(scope="session")
def simulated() -> dict[str, Any]:
    """Return what the sentences show on the simulator."""
    with Simulator() as simulator:
        return book.read(Simulated(simulator))
