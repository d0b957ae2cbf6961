# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What can go wrong in the lab; the command line turns each into one sentence and an exit code."""

from __future__ import annotations


class LabError(Exception):
    """Something in the lab failed; the text says what was tried and what came back."""

    exit_code = 1


class SettingsError(LabError):
    """A setting has a value that the lab can't work with."""

    exit_code = 2


class UnfitMachineError(LabError):
    """This machine can't carry the lab, and nothing has been changed on it."""

    exit_code = 3


class JobError(LabError):
    """A Ganeti job did not end in success."""

    exit_code = 4
