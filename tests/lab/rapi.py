# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A very small RAPI client, to see with the eyes of a client that verifies the certificate."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import LabError
from .settings import User


@dataclass(frozen=True)
class Rapi:
    """Where the RAPI is, which CA it is verified by, and who asks."""

    url: str
    ca_file: Path
    user: User

    def request(self, method: str, path: str, body: object = None, timeout: float = 60.0) -> tuple[int, Any]:
        """Return the status and the decoded answer, whatever the status is.

        Raises:
            LabError: when there is no answer, or the certificate can't be verified.
        """
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self._headers(), method=method)
        verifying = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(self.ca_file)))
        direct = urllib.request.ProxyHandler({})  # no proxy of the environment leads to the lab's network
        try:
            with urllib.request.build_opener(verifying, direct).open(request, timeout=timeout) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _decoded(error.read())
        except (OSError, ValueError) as error:
            raise LabError(f"{method} {self.url}{path} failed: {error}") from error

    def answers(self) -> bool:
        """Return whether the RAPI answers what it must ask the other daemons for, with the right certificate."""
        try:
            return self.request("GET", "/2/info", timeout=5)[0] == 200
        except LabError:
            return False

    def _headers(self) -> dict[str, str]:
        secret = base64.b64encode(f"{self.user.name}:{self.user.password}".encode()).decode()
        return {"Authorization": f"Basic {secret}", "Content-Type": "application/json"}


def _decoded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
