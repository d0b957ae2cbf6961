# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong inside the simulated cluster, in the shapes in which Ganeti tells it.

Three audiences: a job's `opresult` (`OpError`), the answer to a request that is refused (`RequestError`: by the remote
API itself; `LuxiError`, `Unreadable`: by the daemon behind it), and a mistake of the test itself (`SimulatorMisuse`).
"""

from __future__ import annotations

NOT_KNOWN = "unknown_entity"
WRONG_INPUT = "wrong_input"
WRONG_STATE = "wrong_state"
NOT_UNIQUE = "resource_not_unique"
ENVIRONMENT = "environment_error"
NO_RESOURCES = "insufficient_resources"
INTERNAL = "internal_error"

CONNECT_FAILED = "Error 7: Failed to connect to {ip} port 1811 after 3060 ms: Couldn't connect to server"


class SimulatorMisuse(Exception):
    """A test asked for something that can't be: an unknown node, a clock turned back."""


class OpError(Exception):
    """An opcode failed. `result` is what Ganeti stores in `opresult`: [class, [argument, ...]].

    `seconds` is how long the opcode took to find out, beyond its usual time: a dead node costs a time-out.
    """

    def __init__(self, kind: str, *arguments: str, seconds: float = 0.0) -> None:
        super().__init__(*arguments)
        self.kind = kind
        self.seconds = seconds

    def __deepcopy__(self, memo: object) -> OpError:
        """Return itself: it never changes."""
        return self

    @property
    def result(self) -> list[object]:
        """Return the value for `opresult`."""
        return [self.kind, list(self.args)]


def refused(text: str, code: str, seconds: float = 0.0) -> OpError:
    """Return the error of an opcode whose prerequisites are not met; nothing was changed."""
    return OpError("OpPrereqError", text, code, seconds=seconds)


def failed(text: str, seconds: float = 0.0) -> OpError:
    """Return the error of an opcode that failed at work; something may have been changed."""
    return OpError("OpExecError", text, seconds=seconds)


class RequestError(Exception):
    """A request is refused before there is a job. `status` is the HTTP status, the text the `message`."""

    def __init__(self, status: int, message: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message


class LuxiError(RequestError):
    """Ganeti's daemon refuses a request: LUXI shows [kind, [argument, ...]], RAPI 500 and the arguments as a text."""

    def __init__(self, kind: str, *arguments: str) -> None:
        super().__init__(500, arguments[0] if len(arguments) == 1 else str(arguments))
        self.kind = kind
        self.arguments = arguments


class Unreadable(RequestError):
    """Ganeti's daemon can't make sense of a request: a text over LUXI, where the connection ends; RAPI shows 502."""

    def __init__(self, why: str) -> None:
        super().__init__(502, f"Failed to parse request: {why}")
        self.why = why


def unknown_name(label: str, name: object) -> LuxiError:
    """Return the refusal to read an object that isn't there."""
    return LuxiError("OpPrereqError", f"{label} name {name} not found", NOT_KNOWN)
