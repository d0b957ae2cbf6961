# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong, told apart; every message says what was tried, on what, what came back and what to do."""

from __future__ import annotations

from typing import Any

from .printable import printable


class AutorepairError(Exception):
    """The family that a module catches once and turns into C(fail_json).

    C(details) go into the module's failure beside C(msg). What others said, and a message repeats, may hold anything.
    """

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(printable(message))
        self.details = dict(details, failure=type(self).__name__)


class BadOption(AutorepairError):
    """An option holds a value that cannot be meant; nothing was read or written."""


class LibraryMissing(AutorepairError):
    """The Python that runs this lacks a library."""


class ClusterError(AutorepairError):
    """The cluster as a whole can't be talked to; going on with the next instance makes no sense."""


class Unreachable(ClusterError):
    """No connection: a host that is down, a port without a listener, a name that does not resolve."""


class TlsError(ClusterError):
    """There is an answer, but not from somebody who can be trusted to be the cluster."""


class Unauthorized(ClusterError):
    """The user name or the password is wrong (401)."""


class Forbidden(ClusterError):
    """The user may not do this (403): a read-only user was asked to write."""


class QueueDrained(ClusterError):
    """The job queue takes no jobs at present (Ganeti answers 500 "Queue drained")."""


class Held(ClusterError):
    """Another round writes to the cluster; this one leaves it to that one."""


class ClaimUnread(Held):
    """A claim stands that can't be read, so nobody knows whether another round writes; a person has to remove it."""


class ClaimOver(ClusterError):
    """The claim to be the one who writes has come too near to its end."""


class ClockWrong(ClusterError):
    """This machine's clock differs so much from the master's that no claim could be relied upon."""


class NotFound(AutorepairError):
    """The path or the object does not exist (404)."""


class RequestRefused(AutorepairError):
    """Any other answer that says no (400, 415, 500, ...)."""


class AnswerLost(AutorepairError):
    """A write was sent, and no answer came: it may have been carried out or not."""


class Withheld(AutorepairError):
    """What was planned is not done, as a look directly before showed that the world has changed since."""


class BadAnswer(AutorepairError):
    """An answer that is not what Ganeti sends."""
