# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Mond: what the nodes' monitoring daemons report about their DRBD devices, in one request to each node.

The daemon requires no login and takes no lock. It answers within milliseconds, but while a master candidate is dead it
first tries to reach that one, for ten seconds and more (measured).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from http.client import HTTPConnection, HTTPException
from socket import SHUT_RDWR, socket
from threading import Event, Timer
from typing import Any

from ..ganeti.answers import decoded
from ..ganeti.usable import is_text
from ..printable import printable
from .copies import Device, Told

PATH = "/1/report/storage/drbd"
NODES_AT_ONCE = 32  # requests in parallel
LARGEST = 2**24  # bytes of an answer; a device takes some 600
_FIELDS = ("instance", "localRole", "connectionState", "localState", "remoteState")


def ask_nodes(addresses: Mapping[str, str], port: int, seconds: float) -> Mapping[str, Told]:
    """What each node reports, by name: its devices, or why there is no report. `addresses` are by node name, too;
    `seconds` is how long each node may take."""
    with ThreadPoolExecutor(NODES_AT_ONCE) as pool:
        told = pool.map(lambda address: _ask(address, port, seconds), addresses.values())
        return dict(zip(addresses, told))


def _ask(address: str, port: int, seconds: float) -> Told:
    try:
        with closing(HTTPConnection(address, port, timeout=seconds)) as connection:
            connection.connect()
            with _ending(connection.sock, seconds):
                return _read(connection)
    except (OSError, HTTPException) as error:
        return f"its monitoring daemon could not be asked: {printable(str(error)) or type(error).__name__}"
    except ValueError:
        return "the answer of its monitoring daemon can't be read"


def _read(connection: HTTPConnection) -> Told:
    connection.request("GET", PATH)
    answer = connection.getresponse()
    body = answer.read(LARGEST)
    if answer.status != 200:
        return f"its monitoring daemon answered {answer.status}"
    return _devices(decoded(body))


@contextmanager
def _ending(sock: socket, seconds: float) -> Iterator[None]:
    """Stop reading from `sock` after `seconds` in total, however slowly data comes: the socket's own timeout is for
    each read. Raises TimeoutError."""
    late = Event()

    def end() -> None:
        late.set()
        with suppress(OSError):
            sock.shutdown(SHUT_RDWR)

    timer = Timer(seconds, end)
    timer.start()
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        if late.is_set():
            raise TimeoutError("timed out") from error
        raise
    finally:
        timer.cancel()


def _devices(answer: Any) -> Told:
    data = answer.get("data") if isinstance(answer, Mapping) else None
    devices = data.get("deviceInfos") if isinstance(data, Mapping) else None
    if not isinstance(devices, list):
        return "the answer of its monitoring daemon is not about its devices"
    rows = [[device.get(name) for name in _FIELDS] for device in devices if isinstance(device, Mapping)]
    return tuple(Device(*map(str, row)) for row in rows if all(map(is_text, row)))  # unused ones have only a minor
