# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Other systems than this machine's: each a root folder by debootstrap, in which what the README says is done."""
