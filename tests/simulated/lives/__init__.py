# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The parts of the stateful test: what happens to a cluster, who does it, and who judges what the engine makes of it.

`book` the design's rules about one instance - `seen`, `job_laws`, `witness` who does what, and the laws about jobs -
`wire` a runner's client, to which things happen - `judge` what becomes of the data - `cluster`, `people`, `chance`,
`by_hand`, `rounds` what happens - `laws` what must always hold, and what must hold in the end.
"""
