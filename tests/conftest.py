# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the suites share: the lab, for those that need real Ganeti."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab import Lab, UnfitMachineError


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The lab's cluster of real Ganeti; what needs it is skipped, with the reason, where it can't run.

    Its nodes' disks are kept for the next suite; `python -m lab down` forgets them.
    """
    lab = Lab()
    try:
        lab.up()
    except UnfitMachineError as error:
        pytest.skip(f"real Ganeti can't run here: {error}")
    yield lab
    lab.down(keep=True)
