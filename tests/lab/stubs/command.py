#!/usr/bin/python3 -ISE
# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The one program behind all stand-ins: the name that it is called by decides what it does."""

from __future__ import annotations

import os
import sys
from importlib import import_module

CODE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, CODE)  # an isolated Python looks nowhere by itself

from lab.stubs.machine import Failure, Machine  # noqa: E402
from lab.stubs.names import MODULES  # noqa: E402


def main() -> int:
    """Run the stand-in that this program was called as, and return its exit code."""
    name = os.path.basename(sys.argv[0])
    stub = import_module(f"lab.stubs.{MODULES[name]}")
    try:
        output: str = stub.run(name, sys.argv[1:], Machine.here())
    except Failure as failure:
        print(failure, file=sys.stderr)
        return failure.exit_code
    if output:
        print(output)
    return 0


if __name__ == "__main__":
    sys.exit(main())
