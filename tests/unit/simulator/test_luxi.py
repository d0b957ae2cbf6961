# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""LUXI: jobs of several opcodes, faults, hooks, log, the socket. What Ganeti answers, tests/contract compares."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from simulator import (
    ANSWER,
    DELAY,
    DROP_AFTER,
    DROP_BEFORE,
    TRUNCATE,
    Answer,
    Cluster,
    ConnectionLost,
    JobTrouble,
    Message,
    RequestFault,
    Simulator,
)
from simulator.message import END, failure, request

TAG = {"OP_ID": "OP_TAGS_SET", "kind": "instance", "name": "web.example.com", "tags": ["x"], "reason": []}
FAILOVER = {"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": "web.example.com", "reason": []}
UNTAG = {**TAG, "OP_ID": "OP_TAGS_DEL"}


def submit(simulator: Simulator, *ops: dict[str, Any]) -> int:
    """Submit a job and return its id."""
    answer = simulator.call("SubmitJob", list(ops))
    assert answer["success"], answer
    return int(answer["result"])


def connected(path: str) -> socket.socket:
    """Return a connection to a socket."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(10)
    connection.connect(path)
    return connection


def receive(connection: socket.socket, answers: int = 1) -> list[Any]:
    """Return what comes until there are so many answers, or the connection ends; half an answer stays text."""
    received = b""
    while received.count(END) < answers and (chunk := connection.recv(1 << 16)):
        received += chunk
    *whole, rest = received.split(END)
    return [*map(json.loads, whole), *([rest.decode()] if rest else [])]


def test_the_opcodes_of_a_job_run_one_after_the_other(simulator: Simulator) -> None:
    number = submit(simulator, TAG, FAILOVER, UNTAG)
    states = []
    for _ in range(4):
        states.append([step.status for step in simulator.cluster.job(number).steps])
        simulator.advance(0.8)
    assert states[:2] == [["queued"] * 3, ["success", "running", "queued"]]
    simulator.advance_until_idle()
    job = simulator.cluster.job(number)
    assert (job.status, job.summary[1]) == ("success", "INSTANCE_FAILOVER(web.example.com)")
    assert simulator.cluster.instance("web").primary == "node2.example.com"
    assert not simulator.cluster.instance("web").tags


def test_a_tag_before_a_failed_repair_stays(simulator: Simulator) -> None:
    simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", text="No"))
    number = submit(simulator, TAG, FAILOVER, UNTAG)
    simulator.advance_until_idle()
    job = simulator.cluster.job(number)
    assert [step.status for step in job.steps] == ["success", "error", "error"]
    assert job.result == [None, ["OpExecError", ["No"]], ["OpExecError", ["Preceding opcode failed"]]]
    assert simulator.cluster.instance("web").tags == {"x"}


def test_a_job_waits_for_what_any_of_its_opcodes_depends_on(simulator: Simulator) -> None:
    first = submit(simulator, FAILOVER)
    second = submit(simulator, {**TAG, "kind": "cluster"}, {**TAG, "depends": [[first, ["success"]]]})
    simulator.advance(1)
    assert simulator.cluster.job(second).status == "queued"
    simulator.advance_until_idle()
    assert simulator.cluster.job(second).status == "success"


@pytest.mark.parametrize(("action", "submitted"), [(DROP_BEFORE, 0), (DROP_AFTER, 1), (TRUNCATE, 1)])
def test_an_answer_is_lost_before_and_after_the_work(simulator: Simulator, action: Any, submitted: int) -> None:
    simulator.faults.add(RequestFault("SubmitJob", "*OP_INSTANCE_FAILOVER*", action))
    submit(simulator, TAG)
    with pytest.raises(ConnectionLost):
        simulator.call("SubmitJob", [TAG, FAILOVER])
    assert len(simulator.cluster.queue.jobs) == 1 + submitted


def test_a_given_answer_and_a_delay(simulator: Simulator) -> None:
    refused = failure("GenericError", "Queue drained")
    simulator.faults.add(RequestFault("Query", "job", ANSWER))
    simulator.faults.add(RequestFault("Query", "job", ANSWER, response=refused))
    simulator.faults.add(RequestFault("Query", "job", DELAY, seconds=7))
    begin = simulator.cluster.clock.now()
    answers = [simulator.call("Query", "job", ["id"], None) for _ in range(4)]
    assert [answer["success"] for answer in answers] == [False, False, True, True]
    assert [answer["result"] for answer in answers[:2]] == [
        ["GenericError", ["Simulated failure"]],
        ["GenericError", ["Queue drained"]],
    ]
    assert simulator.cluster.clock.now() == begin + 7


def test_hooks_and_log_see_calls_as_they_see_requests(simulator: Simulator) -> None:
    seen: list[str] = []

    def before(message: Message) -> None:
        seen.append(f"{message.method} {message.path} {message.writes}")

    def after(message: Message, answer: Answer) -> None:
        seen.append(answer.status)

    simulator.hooks.before.append(before)
    simulator.hooks.after.append(after)
    submit(simulator, TAG, FAILOVER)
    simulator.call("QueryTags", "instance", "nosuch")
    simulator.call("Query", "instance", ["name"], None)
    assert seen == [
        *("SubmitJob OP_TAGS_SET+OP_INSTANCE_FAILOVER web.example.com True", "success"),
        *("QueryTags instance nosuch False", "OpPrereqError"),
        *("Query instance False", "success"),
    ]
    assert len(simulator.log.writes()) == 1
    assert len(simulator.log.matching("Query*")) == 2


@pytest.mark.parametrize(
    ("message", "path", "writes"),
    [
        (request("SubmitManyJobs", [[TAG], [FAILOVER]]), "OP_TAGS_SET web.example.com, OP_INSTANCE_FAILOVER", True),
        (request("SetDrainFlag", True), "True", True),
        (request("CancelJob", 7, False), "7", True),
        (request("QueryConfigValues", ["drain_flag", "watcher_pause"]), "drain_flag,watcher_pause", False),
        (request("QueryClusterInfo"), "", False),
        (Message(b"no JSON"), "", False),
    ],
)
def test_what_a_call_is_about(message: Message, path: str, writes: bool) -> None:
    assert (message.path.startswith(path), message.writes) == (True, writes)


def test_the_watcher_pauses_until_its_time_comes(simulator: Simulator) -> None:
    simulator.cluster.watcher_pause = simulator.cluster.clock.now() + 60
    assert simulator.call("QueryConfigValues", ["watcher_pause"])["result"] == [1800000060]
    simulator.advance(60)
    assert simulator.call("QueryConfigValues", ["watcher_pause"])["result"] == [None]


def test_what_is_not_simulated_says_so(simulator: Simulator) -> None:
    assert simulator.call("WaitForJobChange", 1)["result"] == [
        "GenericError",
        ["The simulator has no WaitForJobChange"],
    ]


def test_over_the_socket(cluster: Cluster) -> None:
    tags = request("QueryTags", "instance", "web").body + END
    with (
        Simulator(cluster) as simulator,
        connected(simulator.luxi_socket) as one,
        connected(simulator.luxi_socket) as two,
    ):
        one.sendall(tags + tags)
        assert receive(one, 2) == [{"success": True, "result": []}] * 2
        one.sendall(tags[:10])
        one.sendall(tags[10:])
        assert len(receive(one)) == 1
        one.sendall(b"no JSON" + END + tags)
        assert [answer["success"] for answer in receive(one, 2)] == [False]
        simulator.faults.add(RequestFault("QueryTags", action=TRUNCATE))
        two.sendall(tags)
        assert receive(two) == ['{"success": tru']
        path = simulator.luxi_socket
    assert not Path(path).exists()


def test_calls_side_by_side(cluster: Cluster) -> None:
    answers: list[Any] = []

    def ask(path: str) -> None:
        with connected(path) as connection:
            connection.sendall(request("QueryTags", "cluster", "").body + END)
            answers.extend(receive(connection))

    with Simulator(cluster, latency=0.02) as simulator:
        threads = [threading.Thread(target=ask, args=(simulator.luxi_socket,)) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(answers) == 12


def test_a_folder_whose_name_is_too_long_for_a_socket(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with Simulator(cluster, folder=folder) as simulator:
        path = Path(simulator.luxi_socket)
        assert simulator.settings()["luxi_socket"] == str(path)
        connected(str(path)).close()
    assert not path.parent.exists()


def test_the_command_serves_luxi(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "simulator", "--state-dir", str(tmp_path), "--speed", "100"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([*command, "--background"], check=True, env=environment, timeout=60)
    settings = json.loads((tmp_path / "settings.json").read_text())
    with connected(settings["luxi_socket"]) as connection:
        connection.sendall(request("SubmitJob", [{**TAG, "name": "web1.example.com"}]).body + END)
        answers = receive(connection)
    subprocess.run([*command, "--stop"], check=True, env=environment, timeout=60)
    assert answers == [{"success": True, "result": 1}]
    assert "SubmitJob OP_TAGS_SET web1.example.com" in (tmp_path / "requests.log").read_text()
