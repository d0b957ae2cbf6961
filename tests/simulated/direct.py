# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Both transports without sockets, for thousands of rounds: the real clients, up to the point where they would send."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode, urlsplit

import requests

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Client
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.luxi import LuxiClient, _no_answer
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.client import RapiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.options import RapiOptions
from simulator import ConnectionLost, Simulator

TRANSPORTS = ("rapi", "luxi")


def direct_client(simulator: Simulator, transport: str) -> Client:
    """A client of a simulator that does not serve."""
    return DirectLuxi(simulator) if transport == "luxi" else DirectRapi(simulator)


class DirectRapi(RapiClient):
    """The client over RAPI; its sessions hand their requests to the simulator."""

    def __init__(self, simulator: Simulator) -> None:
        """Take the simulator to ask."""
        pin = "0" * 64  # to read the authorities that a computer trusts takes longer than most rounds here
        super().__init__(RapiOptions("simulator.invalid", user="lab", password="labsecret", fingerprint=pin))
        self._simulator = simulator

    def _call(self, method: str, path: str, what: str, query: Any = None, body: Any = None, seconds: Any = None) -> Any:
        self._reads, self._writes = _Session(self._simulator, 3), _Session(self._simulator, 1)  # type: ignore[assignment]
        return super()._call(method, path, what, query, body, seconds)


class _Session:
    """As much of a session of requests as the client uses."""

    def __init__(self, simulator: Simulator, tries: int) -> None:
        self._simulator, self._tries = simulator, tries

    def request(self, method: str, url: str, params: Any = None, json: Any = None, **_: Any) -> requests.Response:
        """Have a request answered."""
        target = urlsplit(url).path + (f"?{urlencode(params, doseq=True)}" if params else "")
        for left in reversed(range(self._tries)):
            try:
                answer = self._simulator.ask(method, target, json)
            except ConnectionLost as error:
                if not left:
                    raise requests.ConnectionError("connection lost") from error
            else:
                found = requests.Response()
                found.status_code, found._content, found.reason = answer.status, answer.body, answer.reason
                return found
        raise AssertionError("not reached")


class DirectLuxi(LuxiClient):
    """The client over LUXI; its calls go to the simulator."""

    def __init__(self, simulator: Simulator) -> None:
        """Take the simulator to call."""
        super().__init__("/simulator.invalid")
        self._simulator = simulator

    def _call_once(self, method: str, arguments: Sequence[Any], what: str, seconds: float) -> Any:
        try:
            answer = self._simulator.call(method, *arguments)
        except ConnectionLost as error:
            broken = ConnectionResetError(104, "the connection was closed half-way")
            raise _no_answer(broken, "/simulator.invalid", what, method == "SubmitJob") from error
        return self._result(json.dumps(answer).encode(), what, method == "SubmitJob")
