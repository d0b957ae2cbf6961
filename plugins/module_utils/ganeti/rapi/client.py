# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RAPI: Ganeti's remote API over HTTPS (design, section 7; Ganeti facts, (a) to (f))."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ...errors import AnswerLost, BadAnswer
from ..answers import decoded
from ..client import Row, cancel_answer, parse_rows
from ..job_request import JobRequest
from ..operations import Operation
from .errors import connection_error, error_from_response
from .options import RapiOptions, check
from .session import build_session, build_tls_trust

CONNECT_TIMEOUT = 10  # seconds; a host that takes longer to accept a connection is down
READ_RETRIES = 2  # for reads; a wrong address should not keep people waiting
RETRIES_ONCE_CONNECTED = (
    6  # for a RAPI that has answered before: a master failover takes up to half a minute (measured: 12 s)
)


class RapiClient:
    """A Client over RAPI. Reads are tried again when the connection fails, writes never."""

    supports_multi_opcode_jobs = False

    def __init__(self, options: RapiOptions) -> None:
        check(options)
        self._options = options
        self._trust = build_tls_trust(options)
        self._reads = build_session(options, self._trust, READ_RETRIES)
        self._writes = build_session(options, self._trust, 0)
        self._known = False  # whether it has answered before

    def cluster_info(self) -> Mapping[str, Any]:
        """See Client."""
        answer = self._call("GET", "/2/info", "read the cluster's data")
        if not isinstance(answer, dict):
            raise BadAnswer(f"cannot read the cluster's data: RAPI at {self._options.url} did not send an object")
        return answer

    def query(
        self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None, seconds: float | None = None
    ) -> Sequence[Row]:
        """See Client."""
        what, path = f"query {resource}s", "/2/query/" + resource
        if qfilter is None:
            answer = self._call("GET", path, what, query={"fields": ",".join(fields)}, seconds=seconds)
        else:
            answer = self._call("PUT", path, what, body={"fields": list(fields), "qfilter": qfilter}, seconds=seconds)
        return parse_rows(answer, len(fields), f"cannot {what}: RAPI at {self._options.url}")

    def submit(self, request: JobRequest) -> int | None:
        """See Client. An answer that does not come raises AnswerLost: the job may have been submitted."""
        (task,) = request.tasks
        row = task.operation.row
        body = dict(row.parameters, **task.parameters)
        query: list[tuple[str, str]] = [("tag", tag) for tag in task.tags]
        if task.operation is not Operation.REINSTALL:  # it ignores depends, and takes no query beside a body
            query += [("reason", request.reason)] if request.reason else []
            body.update({"depends": [[job, ["success"]] for job in request.after]} if request.after else {})
        sent = None if row.method == "GET" else body
        answer = self._call(row.method, _object(request) + (row.path or row.label), f"submit {request}", query, sent)
        if not isinstance(answer, int) or isinstance(answer, bool):
            raise AnswerLost(f"cannot tell whether {request} was submitted: RAPI sent no job id, but {answer!r}")
        return answer

    def cancel(self, job: int) -> str | None:
        """See Client."""
        answer = self._call("DELETE", f"/2/jobs/{job}", f"cancel job {job}")
        return cancel_answer(answer, f"cannot cancel job {job}: RAPI at {self._options.url}")

    def _call(
        self, method: str, path: str, what: str, query: Any = None, body: Any = None, seconds: float | None = None
    ) -> Any:
        """The decoded answer to one request; `what` is what was tried, for messages. For `seconds` see Client."""
        options, write = self._options, method != "GET" and not path.startswith("/2/query/")
        try:
            answer = (self._writes if write or seconds else self._reads).request(
                method,
                options.url + path,
                params=query,
                json=body,
                timeout=(min(CONNECT_TIMEOUT, options.timeout), seconds or options.timeout),
                verify=options.verifies,
                allow_redirects=False,
            )
        except (OSError, ValueError) as error:  # all of requests' own are OSErrors
            raise connection_error(error, options, what, write) from error
        if answer.status_code != 200:
            raise error_from_response(answer, options, what, write)
        if not self._known:
            self._known, self._reads = True, build_session(options, self._trust, RETRIES_ONCE_CONNECTED)
        try:
            return decoded(answer.content)
        except ValueError as error:
            kind = AnswerLost if write else BadAnswer
            raise kind(f"cannot {what}: the answer of {options.url} is not JSON: {answer.text[:80]!r}") from error


def _object(request: JobRequest) -> str:
    """The path of the object that a request is about, with a slash at its end."""
    if request.kind == "cluster":
        return "/2/"
    return "/2/{}s/{}/".format(request.kind, quote(request.name, safe=""))
