# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asking monitoring daemons, over sockets: whatever comes back, it ends as devices or as words, and in time."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.mirrors import mond
from ansible_collections.ganeti.autorepair.plugins.module_utils.mirrors.copies import Device
from ansible_collections.ganeti.autorepair.plugins.module_utils.mirrors.mond import ask_nodes

SECONDS = 5.0  # that a node has where the test does not wait for it to run out
Behave = Callable[[socket.socket], None]


def info(minor: int, instance: str, **more: object) -> dict[str, object]:
    """A device as ganeti-mond 3.0.2 tells of it."""
    return {
        "minor": minor,
        "connectionState": "Connected",
        "localRole": "Primary",
        "remoteRole": "Secondary",
        "localState": "UpToDate",
        "remoteState": "UpToDate",
        "replicationProtocol": "C",
        "ioFlags": "r-----",
        "perfIndicators": {"networkSend": 131076, "diskWrite": 65540, "writeOrder": "f", "outOfSync": 0},
        "instance": instance,
        **more,
    }


def report(*devices: object) -> dict[str, object]:
    """What it answers, with such devices."""
    return {
        "name": "drbd",
        "version": "B",
        "format_version": 1,
        "timestamp": 1795969027713243000,
        "category": "storage",
        "kind": 1,
        "data": {
            "status": {"code": 0, "message": ""},
            "versionInfo": {
                "version": "8.4.11",
                "api": "1",
                "proto": "86-101",
                "srcversion": "DA6B55A41DED5E58CDBAB30 ",
            },
            "deviceInfos": list(devices),
        },
    }


REAL = report(
    info(0, "web1.vm.example"),
    info(1, "web2.vm.example", connectionState="WFConnection", remoteRole="Unknown", remoteState="DUnknown"),
    info(2, "web3.vm.example", localRole="Secondary", remoteRole="Primary"),
)
DEVICES = (
    Device("web1.vm.example", "Primary", "Connected", "UpToDate", "UpToDate"),
    Device("web2.vm.example", "Primary", "WFConnection", "UpToDate", "DUnknown"),
    Device("web3.vm.example", "Secondary", "Connected", "UpToDate", "UpToDate"),
)


def answering(body: bytes, status: str = "200 OK", head: str = "") -> Behave:
    """A daemon that answers so."""

    def behave(connection: socket.socket) -> None:
        request = connection.recv(65536)
        assert request.startswith(b"GET /1/report/storage/drbd HTTP/1.1\r\n")
        assert b"authorization" not in request.lower()
        connection.sendall(
            f"HTTP/1.1 {status}\r\nserver: Snap/1.1.2.0\r\n{head}connection: close\r\n\r\n".encode() + body
        )

    return behave


def saying(value: object) -> Behave:
    """... with this, as JSON."""
    return answering(json.dumps(value).encode())


@contextmanager
def served(behave: Behave, address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A daemon that behaves so towards each who connects, each in a thread; gives its port."""
    with socket.create_server((address, port), backlog=64) as server:
        open_ones: list[socket.socket] = []

        def one(connection: socket.socket) -> None:
            with connection, suppress(OSError):
                behave(connection)

        def serve() -> None:
            with suppress(OSError):  # it is closed
                while True:
                    connection, _from = server.accept()
                    open_ones.append(connection)
                    threading.Thread(target=one, args=(connection,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield int(server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        for connection in open_ones:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def told(behave: Behave, seconds: float = SECONDS) -> Any:
    """What a node tells whose daemon behaves so."""
    with served(behave) as port:
        return ask_nodes({"node1": "127.0.0.1"}, port, seconds)["node1"]


# --- what can be used -------------------------------------------------------------------------------------------------


def test_a_real_answer():
    """Each device, in DRBD's words."""
    assert told(saying(REAL)) == DEVICES


# sentence, the devices in the answer, what is made of them
ROWS = [
    ("no device", [], ()),
    (
        "a minor that is not in use",
        [{"minor": 3, "localState": "Unconfigured"}, info(0, "web1.vm.example")],
        DEVICES[:1],
    ),
    ("one without the name of its instance", [{**info(0, ""), "instance": None}], ()),
    ("a state that is no text", [info(0, "web1", localState=["UpToDate"]), info(0, "web1", remoteState=None)], ()),
    ("what is no device", ["drbd0", None, 7, [info(0, "web1")], info(0, "web1.vm.example")], DEVICES[:1]),
]


@pytest.mark.parametrize(("devices", "found"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_devices_that_can_not_be_used_are_left_out(devices, found):
    """The others are told."""
    assert told(saying(report(*devices))) == found


def test_control_characters_do_not_get_through():
    """Names and states are shown to people, who read them on terminals."""
    (device,) = told(
        saying(report(info(0, "web1\x1b[2J\n", connectionState="Conn\x00ected", localState="\u202eUpToDate")))
    )
    assert all(each.isprintable() for each in (*device.instance, *str(device)))
    assert device.instance != "web1" and not device.in_step


# --- what can not -----------------------------------------------------------------------------------------------------

UNREADABLE = "the answer of its monitoring daemon can't be read"
OTHER = "the answer of its monitoring daemon is not about its devices"
NOT_ASKED = "its monitoring daemon could not be asked: "
NO_REPORT = b"Unable to produce a report for the requested resource"


def closing(connection: socket.socket) -> None:
    """It reads the request and closes."""
    connection.recv(65536)


def resetting(connection: socket.socket) -> None:
    """It breaks the connection off."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


def sending(text: bytes) -> Behave:
    """A daemon that sends this, whatever it is, and closes."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(text)

    return behave


# sentence, how the daemon behaves, how the words begin
SAID = [
    ("no such report", answering(NO_REPORT, "404 Not Found"), "its monitoring daemon answered 404"),
    ("a server's error", answering(b"{}", "500 Internal Server Error"), "its monitoring daemon answered 500"),
    (
        "it is elsewhere",
        answering(b"", "302 Found", "location: http://127.0.0.1:1/\r\n"),
        "its monitoring daemon answered 302",
    ),
    ("nothing but a status", answering(b"", "204 No Content"), "its monitoring daemon answered 204"),
    ("an empty answer", answering(b""), UNREADABLE),
    ("a page", answering(b"<html>It works!</html>"), UNREADABLE),
    ("half of it", answering(json.dumps(REAL).encode()[:-9]), UNREADABLE),
    ("less than it promised", answering(b'{"data": ', head="content-length: 999\r\n"), UNREADABLE),
    ("nested without an end", answering(b"[" * 100_000), UNREADABLE),
    ("bytes that are no text", answering(b"\xff\xfe\x00"), UNREADABLE),
    ("nothing", saying(None), OTHER),
    ("a list", saying([1]), OTHER),
    ("a number", saying(7), OTHER),
    ("no data", saying({"name": "drbd"}), OTHER),
    ("data that is none", saying({"data": []}), OTHER),
    ("no devices", saying({"data": {"deviceInfos": {}}}), OTHER),
    ("the report of another collector", saying({"data": {"lvs": []}}), OTHER),
    ("it closes the connection", closing, NOT_ASKED),
    ("it breaks the connection off", resetting, NOT_ASKED),
    ("it does not speak HTTP", sending(b"220 mail.example.com ESMTP\r\n"), NOT_ASKED),
    ("a status that is none", sending(b"HTTP/1.1 fine\r\n\r\n"), NOT_ASKED),
    ("a line without an end", sending(b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000), NOT_ASKED),
    ("headers without an end", sending(b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 1000), NOT_ASKED),
    ("chunks that are none", answering(b"zz\r\nnothing", head="transfer-encoding: chunked\r\n"), NOT_ASKED),
]


@pytest.mark.parametrize(("behave", "words"), [row[1:] for row in SAID], ids=[row[0] for row in SAID])
def test_what_is_no_answer_is_told_in_words(behave, words):
    """It never is an error of ours, nor taken for a node without devices."""
    found = told(behave)
    assert isinstance(found, str) and found.startswith(words)
    assert found.removeprefix(NOT_ASKED) and found.isprintable()


def test_nobody_listens():
    """The daemon is not installed, or its node is off."""
    with served(closing) as port:
        pass
    assert "refused" in ask_nodes({"node1": "127.0.0.1"}, port, SECONDS)["node1"]


@pytest.mark.parametrize("address", ["", "no such host", "a" * 300, "\x00", "ü.invalid", "127.0.0.1\r\nx: y"])
def test_an_address_that_is_none(address):
    """A cluster's answer may say anything."""
    assert isinstance(ask_nodes({"node1": address}, 9, 0.5)["node1"], str)


@pytest.mark.parametrize(("port", "seconds"), [(0, 1.0), (-1, 1.0), (99_999_999_999, 1.0), (9, 0), (9, -1)])
def test_options_that_nobody_means(port, seconds):
    """Words as well."""
    assert isinstance(ask_nodes({"node1": "127.0.0.1"}, port, seconds)["node1"], str)


def test_an_answer_that_is_too_large_is_not_kept(monkeypatch):
    """No more of it than the limit is read, and it is not taken for a whole one."""
    monkeypatch.setattr(mond, "LARGEST", 2**16)
    body = json.dumps(report(*(info(number, f"web{number}") for number in range(1000)))).encode()
    assert len(body) > 2**17
    assert told(answering(body)) == UNREADABLE
    assert told(answering(b" " * 2**17 + body)) == UNREADABLE


# --- how long it takes ------------------------------------------------------------------------------------------------


def silent(connection: socket.socket) -> None:
    """It takes the request and says nothing."""
    while connection.recv(65536):
        pass


def dripping(head: bytes) -> Behave:
    """A daemon that goes on and on, a byte at a time, after this."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(head)
        while True:
            connection.sendall(b" ")
            time.sleep(0.05)

    return behave


SLOW = [
    ("it never answers", silent),
    ("its status never ends", dripping(b"HTTP/1.1 200 O")),
    ("its headers never end", dripping(b"HTTP/1.1 200 OK\r\nx:")),
    ("its answer never ends", dripping(b"HTTP/1.1 200 OK\r\n\r\n")),
    ("its answer is long in coming", dripping(b"HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n")),
]


@pytest.mark.parametrize("behave", [row[1] for row in SLOW], ids=[row[0] for row in SLOW])
def test_nobody_takes_longer_than_he_has(behave):
    """The time is that of the whole answer, not of each of its bytes."""
    began = time.monotonic()
    found = told(behave, 0.4)
    assert found == f"{NOT_ASKED}timed out"
    assert time.monotonic() - began < 2


def test_thirty_nodes_at_once():
    """They are asked side by side, and each has its own answer, whatever the others do."""

    def slow(connection: socket.socket) -> None:
        time.sleep(0.3)
        saying(report(info(0, "web1.vm.example")))(connection)

    addresses = {f"node{number}": f"127.0.0.{number}" for number in range(1, 31)}
    with served(slow) as port, served(silent, "127.0.0.7", port), served(closing, "127.0.0.8", port):
        began = time.monotonic()
        reached = ask_nodes(dict.fromkeys(addresses, "127.0.0.1"), port, SECONDS)
        assert time.monotonic() - began < 3
        mixed = ask_nodes(addresses, port, 0.8)
    assert reached == dict.fromkeys(addresses, DEVICES[:1])
    assert mixed["node1"] == DEVICES[:1]
    assert all(isinstance(mixed[name], str) for name in addresses if name != "node1")
    assert list(mixed) == list(addresses)


def test_more_nodes_than_are_asked_at_once():
    """Each is asked all the same; nobody is where there is nobody."""
    with served(saying(REAL)) as port:
        many = ask_nodes({f"node{number}": "127.0.0.1" for number in range(100)}, port, SECONDS)
        assert ask_nodes({}, port, SECONDS) == {}
    assert set(many.values()) == {DEVICES}
