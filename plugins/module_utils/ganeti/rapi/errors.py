# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Errors: what a failed RAPI request means: what was tried, what came back and what to do."""

from __future__ import annotations

import html
import socket
import ssl
from typing import Any

from ...errors import (
    AnswerLost,
    AutorepairError,
    Forbidden,
    NotFound,
    QueueDrained,
    RequestRefused,
    TlsError,
    Unauthorized,
    Unreachable,
)
from ..answers import decoded
from .options import RapiOptions

try:
    import requests
    from urllib3.exceptions import NewConnectionError
except ImportError:  # the module says so before it gets here
    pass


_LOOK = "the next round checks whether it was carried out"
GIVEN_UP = (502, 503, 504)  # the server, or a proxy in front of it, got no answer itself


def connection_error(error: BaseException, options: RapiOptions, what: str, write: bool) -> AutorepairError:
    """The error for a request that got no answer."""
    causes, url = _causes(error), options.url
    words = _last_words(causes)
    if any(isinstance(cause, (ssl.SSLError, requests.exceptions.SSLError)) for cause in causes):
        trusted = not any(sign in words for sign in ("verif", "ingerprint", "doesn't match", "mismatch"))
        if trusted and write:  # it broke in transit: the reads before it had no TLS problem
            return AnswerLost(f"cannot {what}: the TLS connection to {url} broke ({words}); {_LOOK}")
        if trusted:
            return TlsError(f"cannot {what}: no TLS connection to {url} ({words}); check rapi_host and rapi_port")
        trust = "give the CA that signed it as rapi_ca_path, or its own SHA-256 as rapi_fingerprint"
        return TlsError(f"cannot {what}: the certificate of {url} can't be trusted ({words}); {trust}")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return Unreachable(f"cannot {what}: the name {options.host} does not resolve; check rapi_host")
    sent = not any(isinstance(cause, (NewConnectionError, requests.ConnectTimeout)) for cause in causes)
    if write and sent:
        return AnswerLost(f"cannot {what}: it was sent to {url}, but no answer came ({words}); {_LOOK}")
    if any(isinstance(cause, (requests.Timeout, socket.timeout)) for cause in causes):
        return Unreachable(f"cannot {what}: {url} did not answer in time; check rapi_host, or raise rapi_timeout")
    check = "check rapi_host and rapi_port, and that ganeti-rapi runs on the master"
    return Unreachable(f"cannot {what}: no connection to {url} ({words}); {check}")


def _causes(error: BaseException | None) -> tuple[BaseException, ...]:
    """`error` and its causes, the outermost first."""
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


def error_from_response(answer: Any, options: RapiOptions, what: str, write: bool) -> AutorepairError:
    """The error for an answer that says no. Ganeti puts its words, escaped for HTML, into `message`."""
    status = answer.status_code
    try:
        words = html.unescape(str(decoded(answer.content)["message"]))
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
    if write and status in GIVEN_UP:  # it may or may not have been carried out
        return AnswerLost(f"{said}; {_LOOK}")
    if status in GIVEN_UP:
        return Unreachable(
            f"{said}; check whether ganeti-luxid runs on the master, and whether a master failover is in progress"
        )
    if status == 500 and "Queue drained" in words:
        return QueueDrained(said + "; gnt-cluster queue undrain opens the queue again")
    return RequestRefused(said)
