# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""LUXI: Ganeti's own protocol, on the master's unix socket (design, section 7; Ganeti facts, (g)).

A message is JSON followed by byte 3, in both directions. Each call has its own connection, so a lost connection loses
only that call's answer.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import struct
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import (
    AnswerLost,
    AutorepairError,
    BadAnswer,
    BadOption,
    Forbidden,
    QueueDrained,
    RequestRefused,
    Unreachable,
)
from .answers import decoded
from .client import Row, cancel_answer, parse_rows
from .job_request import JobRequest
from .opcodes import opcodes

END = b"\x03"
TIMEOUT = 60  # seconds for each answer, as Ganeti's own client has it
READ_TRIES = 3
PATIENT_TRIES = 7  # for a socket that has answered before: the daemon may be restarting
_WRITES = frozenset({"SubmitJob", "CancelJob"})


class LuxiClient:
    """A Client over LUXI. Reads are tried again when the connection fails, writes never."""

    supports_multi_opcode_jobs = True

    def __init__(self, path: str, timeout: float = TIMEOUT) -> None:
        if not path.startswith("/"):
            raise BadOption(f"luxi_socket is {path!r}; it takes the absolute path of a unix socket")
        self._path = path
        self._timeout = timeout
        self._known = False  # whether it has answered yet

    def cluster_info(self) -> Mapping[str, Any]:
        """See Client. LUXI can also tell whether the job queue is drained, and until when the watcher pauses."""
        what = "read the cluster's data"
        answer = self._call("QueryClusterInfo", [], what)
        values = self._call("QueryConfigValues", [["drain_flag", "watcher_pause"]], what)
        if not isinstance(answer, dict) or not isinstance(values, list) or len(values) != 2:
            raise BadAnswer(f"cannot {what}: LUXI at {self._path} did not send an object")
        return {**answer, "queue_drained": values[0], "watcher_paused_until": 0 if values[1] is None else values[1]}

    def query(
        self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None, seconds: float | None = None
    ) -> Sequence[Row]:
        """See Client."""
        what = f"query {resource}s"
        answer = self._call("Query", [resource, list(fields), qfilter], what, seconds)
        return parse_rows(answer, len(fields), f"cannot {what}: LUXI at {self._path}")

    def submit(self, request: JobRequest) -> int | None:
        """See Client. An answer that does not come raises AnswerLost: the job may have been submitted."""
        answer = self._call("SubmitJob", [opcodes(request)], f"submit {request}")
        if not isinstance(answer, int) or isinstance(answer, bool):
            raise AnswerLost(f"cannot tell whether {request} was submitted: LUXI sent no job id, but {answer!r}")
        return answer

    def cancel(self, job: int) -> str | None:
        """See Client."""
        answer = self._call("CancelJob", [job], f"cancel job {job}")
        return cancel_answer(answer, f"cannot cancel job {job}: LUXI at {self._path}")

    def _call(self, method: str, arguments: Sequence[Any], what: str, seconds: float | None = None) -> Any:
        """The result of one call; `what` is what was tried, for messages. For `seconds` see Client."""
        tries = 1 if method in _WRITES or seconds else PATIENT_TRIES if self._known else READ_TRIES
        for pause in (0.25 * 2**number for number in range(tries - 1)):
            try:
                return self._call_once(method, arguments, what, seconds or self._timeout)
            except Unreachable as error:
                if isinstance(error.__cause__, (socket.timeout, BlockingIOError)):
                    raise  # the daemon hangs, and we have waited long enough
                time.sleep(pause)
        return self._call_once(method, arguments, what, seconds or self._timeout)

    def _call_once(self, method: str, arguments: Sequence[Any], what: str, seconds: float) -> Any:
        message = json.dumps({"method": method, "args": arguments}).encode() + END
        with socket.socket(socket.AF_UNIX) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(seconds), 0))
            try:
                connection.connect(self._path)  # with settimeout it would not wait for its turn (measured: EAGAIN)
            except OSError as error:
                raise _no_connection(error, self._path, what) from error
            connection.settimeout(seconds)
            try:
                connection.sendall(message)
                text = _receive(connection)
            except OSError as error:
                raise _no_answer(error, self._path, what, method in _WRITES) from error
        return self._result(text, what, method in _WRITES)

    def _result(self, text: bytes, what: str, write: bool) -> Any:
        try:
            answer = decoded(text)
            success, result = answer["success"], answer["result"]
        except (ValueError, KeyError, TypeError) as error:
            kind = AnswerLost if write else BadAnswer
            raise kind(f"cannot {what}: the answer of LUXI at {self._path} can't be read: {text[:80]!r}") from error
        self._known = True
        if success is not True:
            raise _refusal(result, self._path, what)
        return result


def _receive(connection: socket.socket) -> bytes:
    received = bytearray()
    while not received.endswith(END):
        chunk = connection.recv(1 << 16)
        if not chunk:
            raise ConnectionResetError(errno.ECONNRESET, "the connection was closed half-way")
        received += chunk
    return bytes(received[:-1])


def _no_connection(error: OSError, path: str, what: str) -> AutorepairError:
    """The error for a socket that nothing answers on; nothing was sent."""
    if isinstance(error, FileNotFoundError):
        advice = "LUXI is only available on the master node, while ganeti-luxid runs there; check luxi_socket"
        return Unreachable(f"cannot {what}: there is no socket {path} on {socket.gethostname()}; {advice}")
    if isinstance(error, PermissionError):
        advice = "use become, or a user of Ganeti's group for administrators"
        return Forbidden(f"cannot {what}: the user {os.geteuid()} may not use {path}; {advice}")
    if isinstance(error, BlockingIOError):
        return Unreachable(f"cannot {what}: {path} accepted no connection in time; check whether ganeti-luxid hangs")
    advice = "check whether ganeti-luxid runs on this node, and whether the node is still the master"
    return Unreachable(f"cannot {what}: nothing answers on {path} ({error.strerror or error}); {advice}")


def _no_answer(error: OSError, path: str, what: str, write: bool) -> AutorepairError:
    """The error for a request that got no answer."""
    words = "no answer in time" if isinstance(error, socket.timeout) else error.strerror or str(error)
    if write:
        look = "the next round checks whether it was carried out"
        return AnswerLost(f"cannot {what}: it was sent to {path}, but no answer came ({words}); {look}")
    return Unreachable(f"cannot {what}: {path} gave no answer ({words}); check whether ganeti-luxid runs on this node")


def _refusal(result: Any, path: str, what: str) -> AutorepairError:
    """The error for an answer that says no: `[class, [words, ...]]`, or words alone."""
    kind, words = "", str(result)
    if isinstance(result, list) and len(result) == 2 and isinstance(result[1], list):
        kind, words = str(result[0]), " ".join(str(part) for part in result[1])
    said = f"cannot {what}: LUXI at {path} answered {kind + ': ' if kind else ''}{words}"
    if kind == "JobQueueDrainError" or words == "Queue drained":  # as the source has it; as measured
        return QueueDrained(said + "; gnt-cluster queue undrain opens the queue again")
    return RequestRefused(said)
