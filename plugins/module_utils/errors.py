# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors: every kind of failure; each message says what was tried, on what, what came back and what to do."""

from __future__ import annotations

from typing import Any

from .printable import printable


class AutorepairError(Exception):
    """The family that a module catches once and turns into `fail_json`.

    `details` go into the module's failure beside `msg`. Messages may quote untrusted text, so they are made printable.
    """

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(printable(message))
        self.details = dict(details, failure=type(self).__name__)


class BadOption(AutorepairError):
    """An option has an invalid value; nothing was read or written."""


class LibraryMissing(AutorepairError):
    """A Python library is missing."""


class ClusterError(AutorepairError):
    """The cluster as a whole can't be used; continuing with the next instance makes no sense."""


class Unreachable(ClusterError):
    """No connection: a host that is down, a port without a listener, a name that does not resolve."""


class TlsError(ClusterError):
    """The server could not be verified as the cluster."""


class Unauthorized(ClusterError):
    """The user name or the password is wrong (401)."""


class Forbidden(ClusterError):
    """The user may not do this (403): a read-only user was asked to write."""


class QueueDrained(ClusterError):
    """The job queue takes no jobs at present (Ganeti answers 500 "Queue drained")."""


class Held(ClusterError):
    """Another round is writing to the cluster; this one does not."""


class ClaimUnread(Held):
    """A claim can't be read, so it is unknown whether another round writes; a person has to remove it."""


class ClaimOver(ClusterError):
    """This round's claim is about to expire."""


class ClockWrong(ClusterError):
    """This machine's clock differs too much from the master's to rely on a claim."""


class NotFound(AutorepairError):
    """The path or the object does not exist (404)."""


class RequestRefused(AutorepairError):
    """Any other answer that says no (400, 415, 500, ...)."""


class AnswerLost(AutorepairError):
    """A write got no answer: it may or may not have been carried out."""


class Withheld(AutorepairError):
    """A planned action was not done, because a final check showed that the situation had changed."""


class NodeStepFailed(AutorepairError):
    """A node could not be proven to be off, or what was decided about it could not be written."""


class BadAnswer(AutorepairError):
    """An answer that is not what Ganeti sends."""
