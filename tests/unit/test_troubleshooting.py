# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/troubleshooting.md: every message that it quotes is provoked here, and is what is said, word by word."""

from __future__ import annotations

import json
import os
import re
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from ansible.module_utils.basic import missing_required_lib
from unit.plugins.module_utils.builders import fingerprint_in, hash_of

from ansible_collections.ganeti.autorepair.plugins.action.ganeti_autorepair_step import _progress
from ansible_collections.ganeti.autorepair.plugins.module_utils import arguments
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AutorepairError
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution import execute
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.lease import acquire
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti import luxi
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.client import RapiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.errors import (
    connection_error,
    error_from_response,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.options import RapiOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.fencing import full_names
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import matching
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.approval import (
    check_approved,
    parse_approved,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import RunContext
from simulator import JobTrouble, RequestFault, Simulator
from simulator.faults import ANSWER
from simulator.http import Response

ROOT = Path(__file__).parents[2]
URL = "https://cluster.example.com:5080"
SOCKET = "/var/run/ganeti/socket/ganeti-query"
CLAIM = "ganeti:watcher:autorepair:claim:"
SET_CLAIM = JobRequest("cluster", "", (Task(Operation.ADD_TAGS, tags=(CLAIM + "me:1",)),))
FAILOVER = JobRequest("instance", "web1", (Task(Operation.FAILOVER),))
DEED = {"scope": "instance", "name": "web1", "action": "submit", "type": "failover", "steps": ["failover"]}
WORK = [{"instance": "web1", "type": "failover", "reason": "job 4711 (INSTANCE_FAILOVER) is in progress"}]

Say = Callable[[Simulator], object]  # returns or raises what is said


# --- what says it ---------------------------------------------------------------------------------------------------


def ansible(play: str) -> Say:
    """Ansible, where the collection is not installed; it is given a playbook's name, or its text."""

    def say(simulator: Simulator) -> object:
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": "/nonexistent", "ANSIBLE_NOCOLOR": "1"}
        command = [str(Path(sys.executable).parent / "ansible-playbook"), "--inventory", "localhost,"]
        target = "/dev/stdin" if " " in play else play
        run = subprocess.run(
            [*command, target], input=play, env=environment, capture_output=True, text=True, check=False
        )
        return re.sub(r"\A.*?ERROR\W+", "", run.stderr, flags=re.S)

    return say


def options(**given: object) -> Say:
    """Options, before anything is sent."""
    default = {name: spec.get("default") for name, spec in arguments.CONNECTION.items()}
    return lambda simulator: arguments.connect(SimpleNamespace(params={**default, "rapi_host": "cluster", **given}))


def rapi(request: JobRequest | None = None, **changes: object) -> Say:
    """A simulated cluster's RAPI, asked with these changes to the options that it takes."""

    def say(simulator: Simulator) -> object:
        given: dict[str, Any] = {"port": simulator.port, "user": "lab", "password": "labsecret", **changes}
        given = {"ca_path": str(simulator.certificate.authority), **given}
        client = RapiClient(RapiOptions("127.0.0.1", **given))
        return client.submit(request) if request else client.query("instance", ("name", "tags"))  # as a round begins

    return say


def network(error: Exception, request: JobRequest | None = None) -> Say:
    """A network that answers a request, a read if it is none, with this error."""
    what = f"submit {request}" if request else "query instances"
    return lambda simulator: connection_error(error, RapiOptions("cluster.example.com"), what, write=bool(request))


def answer(status: int, words: str, request: JobRequest | None = None) -> Say:
    """A RAPI that says no."""
    given = SimpleNamespace(status_code=status, content=json.dumps({"message": words}).encode())
    what = f"submit {request}" if request else "query instances"
    return lambda simulator: error_from_response(
        given, RapiOptions("cluster.example.com", user="repair"), what, bool(request)
    )


def web_server(simulator: Simulator) -> object:
    """A web server in the RAPI's place."""
    page = Response(200, b"<html>It works!</html>")
    simulator.faults.add(RequestFault("GET", "/2/query/instance*", ANSWER, response=page))
    return rapi()(simulator)


def master(error: OSError) -> Say:
    """LUXI's socket, which can't be connected to."""
    return lambda simulator: luxi._no_connection(error, SOCKET, "query instances")


def claiming(tags: tuple[str, ...] = (), ahead: float = 0, trouble: str = "") -> Say:
    """A round that claims a cluster with these tags, by a clock that is some seconds ahead."""

    def say(simulator: Simulator) -> object:
        if trouble:
            simulator.troubles.add(JobTrouble("OP_TAGS_SET", text=trouble))
        authority, clock = str(simulator.certificate.authority), simulator.cluster.clock
        client = RapiClient(RapiOptions("127.0.0.1", simulator.port, "lab", "labsecret", authority))
        return acquire(client, tags, RunContext("me", lambda: clock.now() + ahead, simulator.advance))

    return say


def approved(now: Mapping[str, object], **changed: object) -> Say:
    """A round whose plan is to fail over web1 only, or a plan that was changed after it was made."""
    given = {"hash": hash_of([DEED], ""), "cluster": "", "actions": [DEED], **changed}
    plan = {"cluster": "", "actions": [now]}

    def say(simulator: Simulator) -> None:
        approval = parse_approved(given)
        assert approval is not None
        check_approved(approval, fingerprint_in(plan), plan)

    return say


def role(file: str, sentence: str) -> Say:
    """What a file of the role autorepair says where a pattern finds it, with three dots for each of its variables."""

    def say(simulator: Simulator) -> object:
        message = re.search(sentence, (ROOT / "roles" / "autorepair" / file).read_text(), re.S)
        return re.sub(r"{{.+?}}", "...", " ".join(message[1].split())) if message else ""

    return say


def source(words: str) -> Say:
    """The code that carries out a plan, if these words stand in it."""
    return lambda simulator: f"{words}..." if words in Path(execute.__file__).read_text() else ""


# --- what is said ---------------------------------------------------------------------------------------------------

SAID: dict[str, list[Say]] = {
    "The collection is not found": [
        ansible("ganeti.autorepair.repair"),
        ansible("[{hosts: all, gather_facts: false, roles: [ganeti.autorepair.autorepair]}]"),
    ],
    "requests is not found": [lambda simulator: missing_required_lib("requests")],
    "No host, or a wrong one": [
        options(rapi_host=None),
        options(rapi_host="https://cluster.example.com"),
        network(socket.gaierror()),
    ],
    "Nobody answers": [
        network(ConnectionRefusedError(111, "Connection refused")),
        network(requests.ReadTimeout()),
        answer(502, "Bad Gateway"),
    ],
    "The certificate is not trusted": [
        rapi(ca_path=None),
        rapi(ca_path=None, fingerprint="ab" * 32),
        options(rapi_fingerprint="AB:CD"),
        options(rapi_ca_path="/etc/ssl/our-ca.pem"),
    ],
    "Something else answers": [
        network(ssl.SSLError(1, "[SSL: RECORD_LAYER_FAILURE] record layer failure")),
        web_server,
    ],
    "The user is not known (401)": [rapi(password="wrong"), rapi(password="")],
    "The user may not do this (403)": [rapi(SET_CLAIM, user="viewer", password="viewersecret")],
    "There is no socket": [master(FileNotFoundError())],
    "The socket may not be used": [master(PermissionError())],
    "Nobody answers on the socket": [master(ConnectionRefusedError(111, "Connection refused"))],
    "Another round holds the claim": [
        claiming((f"{CLAIM}runner1-1f0c2b7e:1800000300",)),
        claiming((f"{CLAIM}runner1",)),
    ],
    "The claim can't be set": [claiming(trouble="No space left on device")],
    "The clocks differ": [claiming(ahead=95)],
    "The job queue is drained": [answer(500, "Queue drained", SET_CLAIM)],
    "Answers are lost": [
        network(ConnectionResetError(104, "Connection reset by peer"), FAILOVER),
        source("two answers in a row were lost, so nothing more is sent; the last: "),
    ],
    "Nothing has that name": [
        lambda simulator: matching("instances", ["web9"], ["web1"]),
        lambda simulator: full_names(Limits(fenced_nodes=("node9",)), {}),
    ],
    "The plan is not the approved one": [
        approved({**DEED, "steps": ["recreate-disks", "reinstall"]}),
        approved(DEED, actions=[]),
        role("tasks/read_approved_plan.yml", r"Check that the file exists\n.+?\bfail_msg: >-\n(.+?)\n\s+quiet:"),
    ],
    "A node was not fenced": [role("vars/main.yml", r"autorepair_fence_failure: >-\n(.+)")],
    "The wait timed out": [lambda simulator: _progress({"under_way": WORK}, "prod", 3600, 3600)],
}


def quoted() -> dict[str, list[str]]:
    """The messages in the page's blocks of text, by its headings. A line that is indented goes on with a message."""
    page = (ROOT / "docs" / "troubleshooting.md").read_text()
    found = re.findall(r"^### ([^\n]+)\n\n```text\n(.+?)\n```$", page, re.M | re.S)
    assert len(found) == page.count("```text")
    return {name: re.split(r"\n(?! )", block) for name, block in found}


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """An empty simulated cluster."""
    with Simulator() as found:
        yield found


def test_every_message_is_provoked() -> None:
    """In the order of the page."""
    assert list(quoted()) == list(SAID)


@pytest.mark.parametrize("heading", SAID)
def test_it_is_what_is_said(heading: str, simulator: Simulator) -> None:
    """Three dots on the page stand for anything."""
    said = []
    for say in SAID[heading]:
        try:
            found = str(say(simulator))
        except AutorepairError as error:
            found = str(error)
        said.append(" ".join(found.replace(f"https://127.0.0.1:{simulator.port}", URL).split()))
    told = [" ".join(message.split()) for message in quoted()[heading]]
    patterns = [re.escape(message).replace(re.escape("..."), ".+") for message in told]
    assert len(patterns) == len(said)
    assert [text for pattern, text in zip(patterns, said, strict=True) if not re.fullmatch(pattern, text)] == []
