# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the stateful test: what happens to a cluster, who does it, and who judges what the engine makes of it.

`book` the design's rules about one instance - `wire` a runner's client, to which things happen - `witness` the laws
about jobs - `cluster`, `people`, `chance`, `rounds` what happens - `laws` what must always hold, and hold in the end.
"""
