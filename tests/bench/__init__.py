# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How fast: this collection beside Ganeti's own repair tool and beside what Ganeti itself takes (`make bench`)."""
