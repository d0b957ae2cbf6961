# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""RAPI: Ganeti's remote API over HTTPS (design, section 7; Ganeti facts, (a) to (f))."""

from __future__ import annotations

import html
import os
import re
import socket
import ssl
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .client import Row
from .errors import (
    AnswerLost,
    AutorepairError,
    BadAnswer,
    BadOption,
    Forbidden,
    NotFound,
    QueueDrained,
    RequestRefused,
    TlsError,
    Unauthorized,
    Unreachable,
)
from .model import JobRequest, Operation

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.auth import HTTPBasicAuth
    from urllib3.exceptions import InsecureRequestWarning, NewConnectionError
    from urllib3.util.retry import Retry

    REQUESTS_PROBLEM: ImportError | None = None
except ImportError as problem:
    REQUESTS_PROBLEM = problem
    HTTPAdapter = object  # type: ignore[assignment, misc]

CONNECT_TIMEOUT = 10  # seconds; a host that takes longer to say hello is down
READ_TRIES = 3

# operation -> method, path below the object, fixed part of the body
_PATHS: Mapping[Operation, tuple[str, str, Mapping[str, Any]]] = {
    Operation.ADD_TAGS: ("PUT", "tags", {}),
    Operation.REMOVE_TAGS: ("DELETE", "tags", {}),
    Operation.REPLACE_SECONDARY: ("POST", "replace-disks", {"mode": "replace_new_secondary"}),
    Operation.MIGRATE: ("PUT", "migrate", {}),
    Operation.FAILOVER: ("PUT", "failover", {}),
    Operation.RECREATE_DISKS: ("POST", "recreate-disks", {}),
    Operation.REINSTALL: ("POST", "reinstall", {}),
    Operation.MARK_DOWN: ("PUT", "modify", {"offline": False}),
    Operation.MARK_OFFLINE: ("PUT", "modify", {"offline": True}),
}


@dataclass(frozen=True)
class RapiOptions:
    """Where a RAPI is, who asks, and how it is trusted.

    C(fingerprint) is the SHA-256 of the server's certificate in hex; it takes the place of C(ca_path) and needs no name
    in the certificate. C(timeout) is in seconds, for each answer.
    """

    host: str
    port: int = 5080
    user: str | None = None
    password: str | None = None
    ca_path: str | None = None
    fingerprint: str | None = None
    validate_certs: bool = True
    timeout: float = 30

    @property
    def url(self) -> str:
        """The address as it stands in messages."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


class RapiClient:
    """A Client over RAPI. Reads are tried again when the connection fails, writes never."""

    def __init__(self, options: RapiOptions) -> None:
        _check(options)
        self._options = options
        self._verify: bool | str = options.ca_path or True
        if options.fingerprint or not options.validate_certs:
            self._verify = False
        self._session = requests.Session()
        if options.user:
            self._session.auth = HTTPBasicAuth(options.user.encode(), (options.password or "").encode())
        reads = Retry(
            total=READ_TRIES - 1,
            other=0,
            status=0,
            redirect=0,
            backoff_factor=0.5,
            allowed_methods={"GET", "PUT"},
        )
        pin = _hex(options.fingerprint)
        self._session.mount(options.url, _Adapter(pin, max_retries=0))
        for path in ("/2/info", "/2/query/"):  # nothing below these is a write
            self._session.mount(options.url + path, _Adapter(pin, max_retries=reads))

    def cluster_info(self) -> Mapping[str, Any]:
        """See Client."""
        answer = self._call("GET", "/2/info", "read the cluster's data")
        if not isinstance(answer, dict):
            raise BadAnswer(f"cannot read the cluster's data: RAPI at {self._options.url} sent no object")
        return answer

    def query(self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None) -> Sequence[Row]:
        """See Client."""
        what, path = f"query {resource}s", "/2/query/" + resource
        if qfilter is None:
            answer = self._call("GET", path, what, query={"fields": ",".join(fields)})
        else:
            answer = self._call("PUT", path, what, body={"fields": list(fields), "qfilter": qfilter})
        rows = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not all(_is_row(row, len(fields)) for row in rows):
            raise BadAnswer(f"cannot {what}: RAPI at {self._options.url} sent no table of {len(fields)} fields")
        return [tuple((status, value) for status, value in row) for row in rows]

    def submit(self, request: JobRequest) -> int | None:
        """See Client. An answer that does not come raises AnswerLost: the job may have been submitted."""
        method, path, fixed = _PATHS[request.operation]
        body = dict(fixed, **request.parameters)
        query: list[tuple[str, str]] = [("tag", tag) for tag in request.tags]
        if request.operation is not Operation.REINSTALL:  # it ignores depends, and takes no query beside a body
            query += [("reason", request.reason)] if request.reason else []
            body.update({"depends": [[job, ["success"]] for job in request.after]} if request.after else {})
        answer = self._call(method, _object(request) + path, f"submit {request}", query, body)
        if not isinstance(answer, int) or isinstance(answer, bool):
            raise AnswerLost(f"cannot tell whether {request} was submitted: RAPI sent no job id but {answer!r}")
        return answer

    def _call(self, method: str, path: str, what: str, query: Any = None, body: Any = None) -> Any:
        """The decoded answer to one request; C(what) is what was tried, for messages."""
        options, write = self._options, method != "GET" and not path.startswith("/2/query/")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", InsecureRequestWarning)  # the user has asked for it
                answer = self._session.request(
                    method,
                    options.url + path,
                    params=query,
                    json=body,
                    timeout=(min(CONNECT_TIMEOUT, options.timeout), options.timeout),
                    verify=self._verify,
                    allow_redirects=False,
                )
        except (requests.RequestException, OSError, ValueError) as error:
            raise _connection_error(error, options, what, write) from error
        if answer.status_code != 200:
            raise _refusal(answer, options, what, write)
        try:
            return answer.json()
        except ValueError as error:
            kind = AnswerLost if write else BadAnswer
            raise kind(f"cannot {what}: the answer of {options.url} is not JSON: {answer.text[:80]!r}") from error


class _Adapter(HTTPAdapter):
    """An adapter that accepts the certificate with one fingerprint and no other, if one is given."""

    def __init__(self, pin: str | None, max_retries: Any) -> None:
        self._pin = pin
        super().__init__(max_retries=max_retries)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """See HTTPAdapter."""
        if self._pin:
            kwargs["assert_fingerprint"] = self._pin
        super().init_poolmanager(*args, **kwargs)


def _check(options: RapiOptions) -> None:
    """Refuse what can't be meant before anything is sent."""
    if not re.match(r"[^\s/@?#]+\Z", options.host):
        raise BadOption(f"rapi_host is {options.host!r}; it takes the name or the address of a host, no URL")
    if options.fingerprint and not re.match(r"[0-9a-f]{64}\Z", _hex(options.fingerprint) or ""):
        digits = "the SHA-256 of a certificate has 64 hexadecimal digits"
        raise BadOption(f"rapi_fingerprint is {options.fingerprint}; {digits}")
    if options.ca_path and not os.path.exists(options.ca_path):
        raise BadOption(f"rapi_ca_path: there is no file {options.ca_path}")
    if options.ca_path and os.path.isfile(options.ca_path):
        _check_ca(options.ca_path)


def _check_ca(path: str) -> None:
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ssl.SSLError) as error:
        raise BadOption(f"rapi_ca_path: {path} holds no certificates in PEM format ({error})") from error


def _hex(fingerprint: str | None) -> str | None:
    return fingerprint.replace(":", "").lower() if fingerprint else None


def _object(request: JobRequest) -> str:
    """The path of the object that a request is about, with a slash at its end."""
    if request.kind == "cluster":
        return "/2/"
    return "/2/{}s/{}/".format(request.kind, quote(request.name, safe=""))


def _is_row(row: Any, fields: int) -> bool:
    return (
        isinstance(row, list) and len(row) == fields and all(isinstance(cell, list) and len(cell) == 2 for cell in row)
    )


def _connection_error(error: BaseException, options: RapiOptions, what: str, write: bool) -> AutorepairError:
    """The error for a request that got no answer."""
    causes, url = _causes(error), options.url
    words = _last_words(causes)
    if any(isinstance(cause, (ssl.SSLError, requests.exceptions.SSLError)) for cause in causes):
        if not any(sign in words for sign in ("verif", "ingerprint", "doesn't match", "mismatch")):
            return TlsError(f"cannot {what}: no TLS with {url} ({words}); check rapi_host and rapi_port")
        trust = "give the CA that signed it as rapi_ca_path, or its own SHA-256 as rapi_fingerprint"
        return TlsError(f"cannot {what}: the certificate of {url} can't be trusted ({words}); {trust}")
    if "CA certificate bundle" in words:  # the environment names one that is not there
        return TlsError(f"cannot {what}: {words}; give rapi_ca_path, or mend REQUESTS_CA_BUNDLE in the environment")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Unreachable(f"cannot {what}: the name {options.host} does not resolve; check rapi_host")
    sent = not any(isinstance(cause, (NewConnectionError, requests.ConnectTimeout)) for cause in causes)
    if write and sent:
        look = "the next round looks whether it was carried out"
        return AnswerLost(f"cannot {what}: it was sent to {url}, but no answer came ({words}); {look}")
    if any(isinstance(cause, requests.Timeout) for cause in causes):
        return Unreachable(f"cannot {what}: {url} did not answer in time; check rapi_host, or raise rapi_timeout")
    check = "check rapi_host and rapi_port, and that ganeti-rapi runs on the master"
    return Unreachable(f"cannot {what}: no connection to {url} ({words}); {check}")


def _causes(error: BaseException | None) -> tuple[BaseException, ...]:
    """C(error) and what led to it, the outermost first."""
    found: list[BaseException] = []
    while error is not None and error not in found:
        found.append(error)
        error = error.__cause__ or error.__context__
    return tuple(found)


def _last_words(causes: tuple[BaseException, ...]) -> str:
    """What the innermost cause says, without the noise around it."""
    inner = causes[-1]
    return (
        str(getattr(inner, "strerror", None) or getattr(inner, "verify_message", None) or inner) or type(inner).__name__
    )


def _refusal(answer: Any, options: RapiOptions, what: str, write: bool) -> AutorepairError:
    """The error for an answer that says no. Ganeti puts its words, escaped for HTML, into C(message)."""
    status = answer.status_code
    try:
        words = html.unescape(str(answer.json()["message"]))
    except (ValueError, KeyError, TypeError):
        words = answer.reason or "no reason given"
    said = f"cannot {what}: {options.url} answered {status} ({words})"
    if status == 401:
        return Unauthorized(said + "; check rapi_user and rapi_password")
    if status == 403:
        access = "write" if write else "read"
        return Forbidden(f"{said}; the user {options.user} needs {access} access in Ganeti's rapi/users file")
    if status == 404:
        return NotFound(said)
    if status == 500 and "Queue drained" in words:
        return QueueDrained(said + "; gnt-cluster queue undrain lets jobs in again")
    return RequestRefused(said)
