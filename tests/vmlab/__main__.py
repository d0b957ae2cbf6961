# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""`python3 -m vmlab`."""

import sys

from .cli import main

sys.exit(main(sys.argv[1:]))
