# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong on the way to RAPI: each ends in one sentence that says what was tried and what to do."""

from __future__ import annotations

import json
import re
import socket
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AutorepairError,
    BadAnswer,
    Forbidden,
    NotFound,
    RequestRefused,
    TlsError,
    Unauthorized,
    Unreachable,
)
from simulator import Simulator
from simulator.faults import ANSWER, DROP_AFTER, DROP_BEFORE, RequestFault
from simulator.http import Response

from .conftest import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """A cluster of six nodes, reached over RAPI."""
    with Simulator() as simulator:
        yield Site(simulator)


def closed_port() -> int:
    """A port of loopback on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


CONNECTIONS = [
    ("a wrong password", {"password": "wrong"}, Unauthorized, "check rapi_user and rapi_password"),
    ("a password that is not latin-1", {"password": "пароль"}, Unauthorized, "check rapi_user and rapi_password"),
    ("no user", {"user": None}, Unauthorized, "401"),
    (
        "a name that does not resolve",
        {"host": "no-such-host.invalid"},
        Unreachable,
        "does not resolve; check rapi_host",
    ),
    ("nobody listens", {"port": closed_port()}, Unreachable, "Connection refused"),
    ("a certificate nobody here trusts", {"ca_path": None}, TlsError, "give the CA that signed it as rapi_ca_path"),
    ("another fingerprint", {"ca_path": None, "fingerprint": "ab" * 32}, TlsError, "Fingerprints did not match"),
]


@pytest.mark.parametrize(
    ("changes", "kind", "words"), [case[1:] for case in CONNECTIONS], ids=[case[0] for case in CONNECTIONS]
)
def test_a_cluster_that_can_not_be_reached(
    site: Site, changes: dict[str, object], kind: type[AutorepairError], words: str
) -> None:
    """Nothing is read or written, and the error says which option to look at."""
    with pytest.raises(kind, match=r"^cannot query instances: ") as caught:
        site.run_round(**changes)
    assert words in str(caught.value)
    assert not site.simulator.log.writes()


def test_a_name_that_the_certificate_does_not_have(site: Site) -> None:
    """The certificate is valid for 127.0.0.1; 127.1 is the same host by another name."""
    with pytest.raises(TlsError, match="can't be trusted"):
        site.run_round(host="127.1")


class Doorway(socketserver.ThreadingTCPServer):
    """Listens on the loopback of IPv6, and hands all on to a port of that of IPv4."""

    address_family, daemon_threads = socket.AF_INET6, True

    def __init__(self, port: int) -> None:
        """Take the port to hand on to."""

        class Through(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", port)) as inside:
                    back = threading.Thread(target=pour, args=(inside, self.request), daemon=True)
                    back.start()
                    pour(self.request, inside)
                    back.join()

        super().__init__(("::1", 0), Through)


def pour(source: socket.socket, target: socket.socket) -> None:
    """Hand on all that comes, and the end of it."""
    with suppress(OSError):
        while chunk := source.recv(1 << 16):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("host", ["::1", "[::1]", "0:0:0:0:0:0:0:1"])
def test_an_ipv6_address(tmp_path: Path, host: str) -> None:
    """With brackets or without, it reaches who listens there, and messages name it as a URL does."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError as error:
        pytest.skip(f"there is no loopback of IPv6 here ({error})")
    with Simulator(own_certificate=True, folder=tmp_path) as simulator, Doorway(simulator.port) as door:
        threading.Thread(target=door.serve_forever, args=(0.05,), daemon=True).start()
        given = {"host": host, "port": door.server_address[1], "ca_path": None}
        client = Site(simulator).client(**given, fingerprint=simulator.certificate.fingerprint)
        assert client.cluster_info()["name"] == "cluster.example.com"
        with pytest.raises(TlsError, match=re.escape(f"https://[{host.strip('[]')}]:{given['port']}")):
            Site(simulator).client(**given, fingerprint="ab" * 32).cluster_info()
        door.shutdown()


@pytest.mark.parametrize("write", [str.lower, lambda text: ":".join(text[i : i + 2] for i in range(0, 64, 2))])
def test_a_pinned_certificate_without_names(
    tmp_path: Path, write: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One like Ganeti's own is accepted by its fingerprint, whatever bundle or proxy the environment names."""
    with Simulator(own_certificate=True, folder=tmp_path) as simulator:
        site = Site(simulator)
        fingerprint = simulator.certificate.fingerprint.replace(":", "")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nonexistent.pem")
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port()}")
        assert site.client(ca_path=None, fingerprint=write(fingerprint)).cluster_info()["name"] == "cluster.example.com"
        with pytest.raises(TlsError, match="can't be trusted"):
            site.client(ca_path=None).cluster_info()


@pytest.mark.parametrize("host", ["127.0.0.1", "LOCALHOST", "127.1", "0x7f.1"])
def test_a_wrong_pin_is_refused_by_whatever_name_the_host_goes(site: Site, host: str) -> None:
    """However the address is spelt, no password goes to somebody else."""
    with pytest.raises(TlsError, match="Fingerprints did not match"):
        site.client(host=host, ca_path=None, fingerprint="ab" * 32).cluster_info()
    assert not site.simulator.log.entries


def test_switching_verification_off(tmp_path: Path) -> None:
    """It works where the user insists."""
    with Simulator(own_certificate=True, folder=tmp_path) as simulator:
        assert Site(simulator).client(ca_path=None, validate_certs=False).cluster_info()["name"]


def json_answer(body: object) -> Response:
    """An answer of 200 with this body."""
    return Response(200, json.dumps(body).encode())


ANSWERS = [
    ("not JSON", Response(200, b"<html>proxy</html>"), BadAnswer, "is not JSON"),
    ("no table", json_answer({"rows": []}), BadAnswer, "did not send a table"),
    (
        "a table with too few columns",
        json_answer({"data": [[[0, "web"]]]}),
        BadAnswer,
        "did not send a table with 2 fields",
    ),
    ("an instance without a name", json_answer({"data": [[[3, None], [0, []]]]}), BadAnswer, "has no name"),
    ("a path that is not there", Response(404, b'{"message": "Not found"}'), NotFound, "answered 404 (Not found)"),
    ("an error without words", Response(500, b""), RequestRefused, "500"),
    (
        "a gateway that got no answer",
        Response(504, b"{}"),
        Unreachable,
        "check whether ganeti-luxid runs on the master",
    ),
]


@pytest.mark.parametrize(("answer", "kind", "words"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_nonsense_in_an_answer(site: Site, answer: Response, kind: type[AutorepairError], words: str) -> None:
    """It is said whose answer it was, and nothing is done."""
    site.simulator.faults.add(RequestFault("GET", "/2/query/instance", ANSWER, times=2, response=answer))
    with pytest.raises(kind) as caught:
        site.run_round()
    assert words in str(caught.value)
    assert not site.simulator.log.writes()


def test_reads_are_tried_again(site: Site) -> None:
    """A connection that breaks twice costs a read nothing but time."""
    site.simulator.faults.add(RequestFault("GET", "/2/query/instance", DROP_BEFORE, times=2))
    site.simulator.faults.add(RequestFault("PUT", "/2/query/job", DROP_AFTER, times=2))
    assert site.plan_round().summary["healthy"] == 0
    site.simulator.faults.add(RequestFault("GET", "/2/info", DROP_BEFORE, times=3))
    with pytest.raises(Unreachable, match="cannot read the cluster's data: no connection"):
        site.plan_round()


def test_a_master_that_comes_back(tmp_path: Path) -> None:
    """A failover of the master closes the port for a while: whoever had an answer before waits for the next one. The
    new master has the same certificate."""
    with Simulator(folder=tmp_path) as before:
        client, port = Site(before).client(), before.port
        client.cluster_info()
    after = Simulator(before.cluster, folder=tmp_path, port=port, certificate=before.certificate)
    threading.Timer(4.0, after.start).start()
    started = time.monotonic()
    assert client.cluster_info()["name"] == "cluster.example.com"
    assert time.monotonic() - started > 3
    after.stop()


def test_an_answer_that_takes_too_long() -> None:
    """The time-out holds for connecting and for reading, each time that a read is tried."""
    with Simulator(latency=3.0) as simulator:
        client, before = Site(simulator).client(timeout=1), time.monotonic()
        with pytest.raises(Unreachable, match="did not answer in time; check rapi_host, or raise rapi_timeout"):
            client.cluster_info()
        assert 3 <= time.monotonic() - before < 8


def test_a_port_that_accepts_and_says_nothing(site: Site) -> None:
    """Not even TLS begins."""
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        with pytest.raises(Unreachable, match="did not answer in time"):
            site.client(port=mute.getsockname()[1], timeout=1).cluster_info()


def test_a_user_who_may_only_read(site: Site) -> None:
    """The first write ends the round with the words for it; nothing has changed."""
    site.break_two()
    reader = {"user": "viewer", "password": "viewersecret"}
    assert site.run_round(check=True, **reader).trouble is None
    with pytest.raises(Forbidden, match="needs write access in Ganeti's rapi/users file"):
        site.run_round(**reader)
    assert len(site.simulator.log.writes()) == 1
    assert site.tags("web") == site.tags("db") == []


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_gives_up_on_a_write(site: Site, status: int) -> None:
    """It says nothing of whether the write was carried out."""
    site.break_two()
    site.simulator.faults.add(RequestFault("PUT", "*/failover", ANSWER, response=Response(status, b"{}")))
    assert site.run_round().outcomes[0].lost
