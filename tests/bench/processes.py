# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What whole processes take: the modules, as ansible starts them, and playbooks; and the simulator that they ask."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Client
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.luxi import LuxiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.client import RapiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.options import RapiOptions
from playbook import BUILD, LOCAL

TESTS = Path(__file__).parents[1]
# The kernel's account of a process begins with the memory of whoever has started it; that of its image does not.
TELLING = r"""
import atexit, re, runpy, sys
path, name = sys.argv.pop(1), sys.argv.pop(1)
atexit.register(lambda: open(path, "w").write(re.search(r"VmHWM:\s+(\d+) kB", open("/proc/self/status").read())[1]))
runpy.run_module(name, run_name="__main__", alter_sys=True)
"""


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds by the clock, seconds of the processor, and, for a module, bytes at its largest."""

    wall: float
    cpu: float
    output: str
    memory: int = 0


def measured(command: Sequence[str], given: str = "", **environment: str) -> Cost:
    """Run a command to its end, with what it gets on its standard input.

    Raises:
        AssertionError: showing its output, when it fails.
    """
    begin = time.monotonic()
    pipe, all_of_it = subprocess.PIPE, {**os.environ, **environment}
    with subprocess.Popen(
        command, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True, env=all_of_it
    ) as process:
        assert process.stdin and process.stdout
        process.stdin.write(given)
        process.stdin.close()
        output = process.stdout.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, output
    return Cost(time.monotonic() - begin, used.ru_utime + used.ru_stime, output)


def module(name: str, options: Mapping[str, Any]) -> Cost:
    """Run a module of the collection by itself."""
    given = json.dumps({"ANSIBLE_MODULE_ARGS": dict(options)})
    full_name = f"ansible_collections.ganeti.autorepair.plugins.modules.ganeti_autorepair_{name}"
    with tempfile.NamedTemporaryFile("r") as told:
        command = [sys.executable, "-c", TELLING, told.name, full_name]
        cost = measured(command, given, PYTHONPATH=str(BUILD / "collections"))
        return replace(cost, memory=int(Path(told.name).read_text()) * 1024)


def playbook(folder: Path, hosts: Mapping[str, Mapping[str, Any]], name: str, *options: str) -> Cost:
    """Run a playbook, by its name or its path, on hosts of an inventory."""
    inventory = folder / "inventory.json"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}))
    return measured(["ansible-playbook", "--inventory", str(inventory), name, *options])


def host(options: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """A cluster as a host of an inventory."""
    return {**LOCAL, **{f"ganeti_autorepair_{name}": value for name, value in {**options, **more}.items()}}


@contextmanager
def simulator(folder: Path, *options: str) -> Iterator[Mapping[str, Any]]:
    """A simulated cluster as a process of its own; its settings."""
    command = [sys.executable, "-m", "simulator", "--state-dir", str(folder)]
    measured([*command, "--background", *options], PYTHONPATH=str(TESTS))
    try:
        yield json.loads((folder / "settings.json").read_text())
    finally:
        measured([*command, "--stop"], PYTHONPATH=str(TESTS))


def connection(settings: Mapping[str, Any], transport: str) -> dict[str, Any]:
    """The options that lead to a simulated cluster."""
    if transport == "luxi":
        return {"transport": "luxi", "luxi_socket": settings["luxi_socket"]}
    return {f"rapi_{name}": settings[name] for name in ("host", "port", "user", "password", "ca_path")}


def client_of(given: Mapping[str, Any]) -> Client:
    """A client, as the modules make it of options that lead to a cluster."""
    if given.get("transport") == "luxi":
        return LuxiClient(given["luxi_socket"])
    return RapiClient(RapiOptions(**{name.removeprefix("rapi_"): value for name, value in given.items()}))
