# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What goes wrong on the way to RAPI: each ends in one sentence that says what was tried and what to do."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
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
from ansible_collections.ganeti.autorepair.plugins.module_utils.rapi import RapiClient
from simulator import Simulator
from simulator.faults import ANSWER, DROP_AFTER, DROP_BEFORE, TRUNCATE, RequestFault
from simulator.http import Response

from .conftest import Site


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
        site.play(**changes)
    assert words in str(caught.value)
    assert not site.simulator.log.writes()


def test_a_name_that_the_certificate_does_not_have(site: Site) -> None:
    """The certificate is valid for 127.0.0.1; 127.1 is the same host by another name."""
    with pytest.raises(TlsError, match="can't be trusted"):
        site.play(host="127.1")


OPTIONS = [
    ("a URL", {"host": "https://cluster.example.com"}, "rapi_host is 'https://cluster.example.com'"),
    ("nothing", {"host": ""}, "rapi_host is ''"),
    ("a percent sign", {"host": "local%68ost"}, "rapi_host is 'local%68ost'"),
    ("a short fingerprint", {"fingerprint": "ab:cd"}, "64 hexadecimal digits"),
    ("a CA file that is not there", {"ca_path": "/nonexistent.pem"}, "there is no file /nonexistent.pem"),
    ("a CA file without certificates", {"ca_path": __file__}, "holds no certificates"),
]


@pytest.mark.parametrize(("changes", "words"), [case[1:] for case in OPTIONS], ids=[case[0] for case in OPTIONS])
def test_an_option_that_can_not_be_meant(site: Site, changes: dict[str, object], words: str) -> None:
    """It is refused before anything is sent."""
    with pytest.raises(BadOption) as caught:
        site.client(**changes)
    assert words in str(caught.value)
    assert not site.simulator.log.entries


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
    ("no table", json_answer({"rows": []}), BadAnswer, "sent no table"),
    ("a table with too few columns", json_answer({"data": [[[0, "web"]]]}), BadAnswer, "sent no table of 2 fields"),
    ("an instance without a name", json_answer({"data": [[[3, None], [0, []]]]}), BadAnswer, "has no name"),
    ("a path that is not there", Response(404, b'{"message": "Not found"}'), NotFound, "answered 404 (Not found)"),
    ("an error without words", Response(502, b""), RequestRefused, "502"),
]


@pytest.mark.parametrize(("answer", "kind", "words"), [case[1:] for case in ANSWERS], ids=[case[0] for case in ANSWERS])
def test_nonsense_in_an_answer(site: Site, answer: Response, kind: type[AutorepairError], words: str) -> None:
    """It is said whose answer it was, and nothing is done."""
    site.simulator.faults.add(RequestFault("GET", "/2/query/instance", ANSWER, response=answer))
    with pytest.raises(kind) as caught:
        site.play()
    assert words in str(caught.value)
    assert not site.simulator.log.writes()


def test_reads_are_tried_again(site: Site) -> None:
    """A connection that breaks twice costs a read nothing but time."""
    site.simulator.faults.add(RequestFault("GET", "/2/query/instance", DROP_BEFORE))
    site.simulator.faults.add(RequestFault("PUT", "/2/query/job", DROP_AFTER, times=2))
    assert site.look().summary["healthy"] == 0
    site.simulator.faults.add(RequestFault("GET", "/2/info", DROP_BEFORE, times=3))
    with pytest.raises(Unreachable, match="cannot read the cluster's data: no connection"):
        site.look()


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


def broken(site: Site) -> None:
    """Two instances that may fail over."""
    for name in ("db", "web"):
        site.cluster.add_instance(name, "rbd", "node3")
    site.allow("failover")
    site.kill("node3")


def test_a_user_who_may_only_read(site: Site) -> None:
    """The first write ends the round with the words for it; nothing has changed."""
    broken(site)
    reader = {"user": "viewer", "password": "viewersecret"}
    assert site.play(check=True, **reader).trouble is None
    played = site.play(**reader)
    assert isinstance(played.trouble, Forbidden)
    assert "needs write access in Ganeti's rapi/users file" in str(played.trouble)
    assert not played.changed
    assert len(site.simulator.log.writes()) == 1
    assert site.tags("web") == site.tags("db") == []


def test_a_drained_queue(site: Site) -> None:
    """Nothing is an error: all that would be written is held, with the reason, and comes when the queue is open."""
    broken(site)
    site.cluster.queue.drained = True
    played = site.play()
    assert played.trouble is None
    assert not played.changed
    assert {outcome.action.kind.value for outcome in played.outcomes} == {"hold"}
    assert all("job queue is drained" in outcome.action.reason for outcome in played.outcomes)
    site.cluster.queue.drained = False
    site.play_until_quiet()
    assert site.state("web") == site.state("db") == "healthy"


@pytest.mark.parametrize("path", ["*/tags", "*/failover"])
@pytest.mark.parametrize("action", [DROP_BEFORE, DROP_AFTER, TRUNCATE])
def test_a_lost_answer_to_a_write(site: Site, path: str, action: str) -> None:
    """The instance is left alone and the others go on; the next round finds out whether it was done. No job twice."""
    broken(site)
    site.simulator.faults.add(RequestFault("PUT", f"/2/instances/db{path[1:]}", action))  # type: ignore[arg-type]
    played = site.play()
    errors = {outcome.action.name: outcome.error for outcome in played.outcomes}
    assert "db" in errors["db"] and not errors["web"]
    site.simulator.advance_until_idle()
    site.play_until_quiet()
    assert site.state("web") == site.state("db") == "healthy"
    done = [job for job in site.cluster.queue.jobs.values() if "INSTANCE_FAILOVER(db)" in job.summary]
    assert len(done) == 1
    assert [tag for tag in site.tags("db") if tag.startswith("pending")] == []


@pytest.mark.parametrize("path", ["*/recreate-disks", "*/reinstall"])
@pytest.mark.parametrize("archived", [False, True], ids=["soon", "after the jobs were archived"])
def test_a_lost_answer_to_what_destroys_data(site: Site, path: str, archived: bool) -> None:
    """Disks are made anew once, and installed once, however late the next round comes (law 2)."""
    site.cluster.add_instance("db", "plain", "node3")
    site.allow("reinstall")
    site.kill("node3")
    site.simulator.faults.add(RequestFault("POST", path, DROP_AFTER))
    for _ in range(4):
        site.play()
        site.simulator.advance_until_idle()
        for job in list(site.cluster.queue.jobs) if archived else []:
            site.cluster.queue.archive(job)
    site.play_until_quiet()
    done = [summary for job in site.cluster.queue.jobs.values() for summary in job.summary]
    assert [done.count(f"INSTANCE_{step}(db)") for step in ("RECREATE_DISKS", "REINSTALL")] == [1, 1]
    (tag,) = [tag for tag in site.tags("db") if tag != "reinstall"]
    assert ":success:" in tag


def test_answers_that_stay_away(site: Site) -> None:
    """After two in a row nothing more is tried: a host that hangs would cost a time-out for each instance."""
    broken(site)
    site.cluster.add_instance("mail", "rbd", "node3")
    site.simulator.faults.add(RequestFault("PUT", "/2/instances/*", DROP_AFTER, times=9))
    played = site.play()
    assert isinstance(played.trouble, Unreachable)
    assert [outcome.sent for outcome in played.outcomes] == [True, True, False]
    assert len(site.simulator.log.writes()) == 2
    site.simulator.faults.clear()
    site.simulator.advance_until_idle()
    site.play_until_quiet()
    assert site.state("web") == site.state("db") == site.state("mail") == "healthy"


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_gateway_that_gives_up_on_a_write(site: Site, status: int) -> None:
    """It says nothing of whether the write was carried out."""
    broken(site)
    site.simulator.faults.add(RequestFault("PUT", "*/failover", ANSWER, response=Response(status, b"{}")))
    assert site.play().outcomes[0].lost


def test_one_refused_request(site: Site) -> None:
    """An instance whose request is refused says so, and the next one is repaired."""
    broken(site)
    refusal = Response(400, json.dumps({"code": 400, "message": "it&#x27;s wrong", "explain": "Bad request"}).encode())
    site.simulator.faults.add(RequestFault("PUT", "/2/instances/db/failover", ANSWER, response=refusal))
    played = site.play()
    assert "answered 400 (it's wrong)" in played.outcomes[0].error
    assert not played.outcomes[1].error


def test_the_host_that_goes_away_half_way(site: Site) -> None:
    """The round ends with a clear word and its account; the next one carries on."""
    broken(site)
    client = site.client()
    calls = RapiClient.submit

    def submit(self: RapiClient, request: object) -> int | None:
        if "db" in str(request):
            return calls(self, request)  # type: ignore[arg-type]
        raise Unreachable("cannot submit: gone")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RapiClient, "submit", submit)
        played = site.play()
    assert client and isinstance(played.trouble, Unreachable)
    assert played.changed
    errors = {outcome.action.name: outcome.error for outcome in played.outcomes}
    assert errors == {"db": "", "web": "not begun, as the round ended before"}
    site.simulator.advance_until_idle()
    site.play_until_quiet()
    assert site.state("web") == "healthy"


def test_errors_are_a_family() -> None:
    """A module catches them all by one name."""
    assert all(issubclass(kind, AutorepairError) for kind in (BadOption, QueueDrained, TlsError, BadAnswer))
