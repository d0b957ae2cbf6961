# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The surface: faults, hooks and the log of requests; the socket, its certificates, and the command."""

from __future__ import annotations

import base64
import http.client
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from simulator import (
    ANSWER,
    DELAY,
    DROP_AFTER,
    DROP_BEFORE,
    TRUNCATE,
    Cluster,
    ConnectionLost,
    Request,
    RequestFault,
    Response,
    Simulator,
    refusal,
)
from simulator.examples import example, large

FAILOVER = "/2/instances/web/failover"
LAB = {"Authorization": "Basic " + base64.b64encode(b"lab:labsecret").decode()}


def get(simulator: Simulator, path: str, context: ssl.SSLContext | None = None) -> tuple[int, bytes]:
    """Send a GET over the socket; return status and body."""
    context = context or ssl.create_default_context(cafile=str(simulator.certificate.authority))
    connection = http.client.HTTPSConnection("127.0.0.1", simulator.port, context=context, timeout=10)
    try:
        connection.request("GET", path, headers=LAB)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(("action", "submitted"), [(DROP_BEFORE, 0), (DROP_AFTER, 1)])
def test_a_dropped_connection_before_and_after_the_work(simulator: Simulator, action: Any, submitted: int) -> None:
    simulator.faults.add(RequestFault("PUT", "*/failover", action))
    with pytest.raises(ConnectionLost):
        simulator.ask("PUT", FAILOVER, {})
    assert len(simulator.cluster.queue.jobs) == submitted
    assert simulator.log.entries[0].status is None


def test_a_given_answer_a_delay_and_half_an_answer(simulator: Simulator) -> None:
    simulator.faults.add(RequestFault(path="/2/tags", action=ANSWER, response=refusal(503)))
    simulator.faults.add(RequestFault(path="/2/tags", action=ANSWER, response=Response(200, b"<html>")))
    simulator.faults.add(RequestFault(path="/2/tags", action=DELAY, seconds=7))
    begin = simulator.cluster.clock.now()
    answers = [simulator.ask("GET", "/2/tags") for _ in range(4)]
    assert [answer.status for answer in answers] == [503, 200, 200, 200]
    assert answers[1].body == b"<html>"
    assert simulator.cluster.clock.now() == begin + 7


def test_the_second_of_three(simulator: Simulator) -> None:
    simulator.faults.add(RequestFault(path="/2/tags", action=ANSWER, skip=1))
    assert [simulator.ask("GET", "/2/tags").status for _ in range(3)] == [200, 500, 200]


def test_the_log_knows_reads_from_writes(simulator: Simulator) -> None:
    simulator.ask("GET", "/2/info")
    simulator.ask("PUT", "/2/query/node", {"fields": ["name"]})
    assert not simulator.log.writes()
    simulator.ask("PUT", FAILOVER, {}, user=("viewer", "viewersecret"))
    assert [str(entry.status) for entry in simulator.log.writes()] == ["403"]
    assert [entry.user for entry in simulator.log.matching("PUT", "*/failover")] == ["viewer"]


def test_hooks_run_around_each_request_and_may_end_it(simulator: Simulator) -> None:
    seen: list[str] = []

    def die(request: Request, response: Response) -> None:
        seen.append(f"{request.path} {response.status}")
        raise ConnectionLost()

    simulator.hooks.before.append(lambda request: seen.append(request.method))
    simulator.hooks.after.append(die)
    with pytest.raises(ConnectionLost):
        simulator.ask("PUT", FAILOVER, {})
    assert seen == ["PUT", f"{FAILOVER} 200"]
    assert len(simulator.cluster.queue.jobs) == 1


def test_over_the_socket(cluster: Cluster) -> None:
    with Simulator(cluster) as simulator:
        assert get(simulator, "/version") == (200, b"2\n")
        simulator.faults.add(RequestFault(action=DROP_BEFORE))
        with pytest.raises((http.client.RemoteDisconnected, ConnectionError)):
            get(simulator, "/version")
        simulator.faults.add(RequestFault(action=TRUNCATE))
        with pytest.raises(http.client.IncompleteRead):
            get(simulator, "/2/info")


def test_requests_side_by_side(cluster: Cluster) -> None:
    statuses: list[int] = []
    with Simulator(cluster, latency=0.02, clients=4) as simulator:
        threads = [threading.Thread(target=lambda: statuses.append(get(simulator, "/2/info")[0])) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [200] * 12


def test_a_certificate_like_ganetis_own(cluster: Cluster) -> None:
    with Simulator(cluster, own_certificate=True) as simulator:
        shown = subprocess.run(
            ["openssl", "x509", "-noout", "-text", "-in", str(simulator.certificate.chain)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "Version: 1 (0x0)" in shown
        assert "Subject: CN=ganeti.example.com" in shown.replace(" = ", "=")  # OpenSSL 3.5 leaves no blanks
        pem = ssl.get_server_certificate(("127.0.0.1", simulator.port))
        assert pem.strip() == simulator.certificate.chain.read_text().strip()
        with pytest.raises(ssl.SSLCertVerificationError):
            get(simulator, "/version", ssl.create_default_context())


def run_command(folder: Path, *options: str) -> None:
    """Run the simulator's command."""
    tests = Path(__file__).parents[2]
    command = [sys.executable, "-m", "simulator", "--state-dir", str(folder), *options]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONPATH": str(tests)}, timeout=60)


def test_the_command_serves_in_the_background_and_stops(tmp_path: Path) -> None:
    run_command(tmp_path, "--background", "--speed", "100")
    settings = json.loads((tmp_path / "settings.json").read_text())
    context = ssl.create_default_context(cafile=settings["ca_path"])
    connection = http.client.HTTPSConnection(settings["host"], settings["port"], context=context)
    connection.request("PUT", "/2/tags?tag=x", headers=LAB)
    number = int(connection.getresponse().read())
    end = time.monotonic() + 10
    status = ""
    while status != "success" and time.monotonic() < end:
        connection = http.client.HTTPSConnection(settings["host"], settings["port"], context=context)
        connection.request("GET", f"/2/jobs/{number}", headers=LAB)
        status = json.loads(connection.getresponse().read())["status"]
    run_command(tmp_path, "--stop")
    assert status == "success"
    assert not (tmp_path / "settings.json").exists()
    assert "PUT /2/tags?tag=x" in (tmp_path / "requests.log").read_text()


def test_the_example_is_broken_in_the_usual_ways() -> None:
    cluster = example(Cluster())
    rows = Simulator(cluster).ask("GET", "/2/query/instance?fields=name,status").json["data"]
    broken = [name for (_, name), (_, status) in rows if status == "ERROR_nodeoffline"]
    assert (len(cluster.nodes), len(cluster.groups), len(cluster.instances)) == (5, 2, 15)
    assert {one.disk_template for one in cluster.instances.values()} == {
        *("drbd", "plain", "file", "sharedfile", "ext", "rbd", "diskless"),
    }
    assert len(broken) == 8


def test_a_large_cluster_is_made_and_read_quickly() -> None:
    begin = time.process_time()
    simulator = Simulator(large(Cluster(), 200, 6000, dead=3))
    fields = "name,pnode,snodes,disk_template,admin_state,tags"
    rows = simulator.ask("GET", f"/2/query/instance?fields={fields}").json["data"]
    assert len(rows) == 6000
    assert time.process_time() - begin < 5
