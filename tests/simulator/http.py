# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests and answers as values: no sockets here."""

from __future__ import annotations

import base64
import binascii
import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from simulator.errors import RequestError

REASONS: Mapping[int, tuple[str, str]] = {
    400: ("Bad Request", "Bad request syntax or unsupported method"),
    401: ("Unauthorized", "No permission -- see authorization schemes"),
    403: ("Forbidden", "Request forbidden -- authorization will not help"),
    404: ("Not Found", "Nothing matches the given URI"),
    415: ("Unsupported Media Type", "Entity body in unsupported format"),
    500: ("Internal Server Error", "Server got itself in trouble"),
    501: ("Not Implemented", "Server does not support this operation"),
    502: ("Bad Gateway", "Invalid responses from another server/proxy"),
    503: ("Service Unavailable", "The server cannot process the request due to a high load"),
    504: ("Gateway Timeout", "The gateway server did not receive a timely response"),
}


@dataclass(frozen=True)
class Request:
    """A request: method, path with its query, headers (names in lower case) and body."""

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def path(self) -> str:
        """Return the path without the query, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def query(self) -> dict[str, list[str]]:
        """Return the query's values; empty ones are not there, as in Ganeti."""
        return parse_qs(urlsplit(self.target).query)

    @property
    def credentials(self) -> tuple[str, str]:
        """Return user and password, or two empty strings."""
        scheme, _, encoded = self.headers.get("authorization", "").partition(" ")
        try:
            plain = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        user, _, password = plain.partition(":")
        return (user, password) if scheme.lower() == "basic" else ("", "")

    @property
    def user(self) -> str:
        """Return who says to ask, or nothing."""
        return self.credentials[0]

    @property
    def data(self) -> Any:
        """Return the body read as JSON, None without one; raise RequestError as Ganeti does."""
        if not self.body:
            return None
        if self.headers.get("content-type") != "application/json":
            raise RequestError(415)
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise RequestError(400, "Unable to parse JSON data") from error

    @property
    def writes(self) -> bool:
        """Whether it may change the cluster: everything but GET, HEAD and a query by PUT."""
        return self.method not in ("GET", "HEAD") and not self.path.startswith("/2/query/")


@dataclass(frozen=True)
class Response:
    """An answer: status, body, and headers beyond those that every answer has."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def reason(self) -> str:
        """Return the words behind the status."""
        return REASONS[self.status][0] if self.status in REASONS else "OK"

    @property
    def json(self) -> Any:
        """Return the body read as JSON."""
        return json.loads(self.body)


def answer(value: object) -> Response:
    """Return a good answer."""
    return Response(200, encode(value))


def refusal(status: int, message: str = "") -> Response:
    """Return an error's answer: {"code", "message", "explain"}, the message escaped for HTML."""
    reason, explain = REASONS[status]
    body = {"code": status, "message": html.escape(message) or reason, "explain": explain}
    headers = {"WWW-Authenticate": 'Basic realm="Ganeti Remote API"'} if status == 401 else {}
    return Response(status, encode(body), headers)


def encode(value: object) -> bytes:
    """Return the JSON text of a value, with a line end."""
    return json.dumps(value).encode() + b"\n"
