#!/usr/bin/env python3
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A guest that writes. It runs on a node, and writes random blocks to a disk for as long as a file is there.

What the disk has acknowledged is written to a copy, too, which so tells what the disk must hold at the end. The device
is opened for each block alone: a real guest lets go of its disk at the end of a migration, before Ganeti takes it away.
"""

from __future__ import annotations

import mmap
import os
import random
import sys
import time

BLOCK = 4096  # what a write past caches needs
PAUSE_SECONDS = 0.02


def main(device: str, copy: str, running: str) -> int:
    """Write to the device until the file `running` is gone; return how many blocks it has acknowledged."""
    block = mmap.mmap(-1, BLOCK)
    written = 0
    with open(copy, "r+b", buffering=0) as kept:
        blocks = os.path.getsize(copy) // BLOCK
        while os.path.exists(running):
            place = random.randrange(blocks) * BLOCK
            block[:] = os.urandom(BLOCK)
            disk = os.open(device, os.O_WRONLY | os.O_DIRECT | os.O_DSYNC)
            try:
                os.pwrite(disk, block, place)
            finally:
                os.close(disk)
            kept.seek(place)
            kept.write(block)
            written += 1
            time.sleep(PAUSE_SECONDS)
    return written


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
