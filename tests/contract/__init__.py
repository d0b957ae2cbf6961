# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The same requests to the simulator and to real Ganeti, and their answers compared; see README.md."""
