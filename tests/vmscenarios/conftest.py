# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The cluster of virtual machines that the scenarios play on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import UnfitMachineError
from vmlab import VmLab

from .cluster import Cluster


@pytest.fixture(scope="session")
def vmlab() -> Iterator[VmLab]:
    """The virtual machines; what needs them is skipped, with the reason, where they can't run."""
    lab = VmLab()
    try:
        lab.up()
    except UnfitMachineError as error:
        pytest.skip(f"virtual machines can't run here: {error}")
    yield lab
    lab.down()


@pytest.fixture
def cluster(vmlab: VmLab, tmp_path: Path) -> Cluster:
    """A freshly made cluster of three nodes, without instances."""
    vmlab.restore()
    return Cluster(vmlab, tmp_path)
