# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The real cluster that the scenarios play on."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from lab import Lab, luxi
from lab.luxi import Job
from playbook import Run, play

from .proxy import Proxy, recording

TRANSPORTS = ("rapi", "luxi")
QUEUE = "/var/lib/ganeti/queue"
RUNNING_INSTANCES = "/run/ganeti/fake-hypervisor"  # one file each, as Ganeti's hypervisor `fake` has it


class Cluster:
    """The lab's cluster, freshly made, with a recording proxy before its RAPI."""

    def __init__(self, lab: Lab, proxy: Proxy, folder: Path) -> None:
        """Take what it is made of; runs are kept below `folder`."""
        self.lab = lab
        self.transport = "rapi"
        self.proxy = proxy
        self._folder = folder

    def options(self, **changes: object) -> dict[str, object]:
        """Return the connection options that lead to the cluster by way of the proxy."""
        if self.transport == "luxi":
            return {"transport": "luxi", "luxi_socket": str(self.proxy.luxi_socket), **changes}
        user = self.lab.users["write"]
        given: dict[str, object] = {
            "rapi_host": "127.0.0.1",
            "rapi_port": self.proxy.port,
            "rapi_user": user.name,
            "rapi_password": user.password,
            "rapi_ca_path": str(self.proxy.ca_file),
        }
        return {name: value for name, value in {**given, **changes}.items() if value is not None}

    def direct(self, **changes: object) -> dict[str, object]:
        """Return the connection options that lead straight to the RAPI."""
        address = urlsplit(self.lab.rapi_url)
        straight = {"rapi_host": address.hostname, "rapi_port": address.port, "rapi_ca_path": str(self.lab.ca_file)}
        return self.options(**{**straight, **changes})

    def repair(self, *options: str, **changes: object) -> Run:
        """Run the playbook `repair` once, by way of the proxy; what it has seen is forgotten first."""
        self.proxy.seen.clear()
        return play(self._folder / "run", self.options(**changes), *options)

    def repair_until_quiet(self, rounds: int = 20, **changes: object) -> list[Run]:
        """Run rounds, letting the jobs of each end, until one changes nothing and no repair is under way."""
        runs: list[Run] = []
        while len(runs) < rounds:
            runs.append(self.repair(**changes))
            assert runs[-1].code == 0, runs[-1].output
            if not runs[-1].step["changed"] and not runs[-1].step["pending"]:
                return runs
            self.lab.wait_jobs()
        raise AssertionError(f"not quiet after {rounds} rounds:\n{runs[-1].output}")

    def tags(self, instance: str) -> list[str]:
        """Return an instance's auto-repair tags, without what they all begin with."""
        prefix = "ganeti:watcher:autorepair:"
        return [tag.removeprefix(prefix) for tag in self.lab.tags("instance", instance) if tag.startswith(prefix)]

    def placed(self, instance: str) -> tuple[str, list[str], str]:
        """Return an instance's primary, its secondaries and its status, as `gnt-instance list` shows them."""
        fields = "pnode,snodes,status"
        command = ["gnt-instance", "list", "--no-headers", "--separator=|", "-o", fields, self.lab.full_name(instance)]
        primary, secondaries, status = self.lab.run("node1", command).stdout.strip().split("|")
        return primary.partition(".")[0], [name.partition(".")[0] for name in secondaries.split(",") if name], status

    def jobs(self, instance: str, operation: str) -> list[Job]:
        """Return the jobs with this operation on an instance, such as "INSTANCE_FAILOVER"."""
        wanted = f"{operation}({self.lab.full_name(instance)})"
        return [job for job in self.lab.jobs() if wanted in job.summary]

    @contextmanager
    def busy(self, *nodes: str) -> Iterator[None]:
        """Hold the locks of these nodes, as a long job of somebody else does: what needs them waits in the queue."""
        names = [self.lab.node(node).full_name for node in nodes]
        delay = {"OP_ID": "OP_TEST_DELAY", "duration": 300, "on_master": False, "on_nodes": names}
        (holder,) = luxi.submit(self.lab.luxi_socket, [[delay]])
        self.wait_for(holder, "running")
        try:
            yield
        finally:
            luxi.call(self.lab.luxi_socket, "CancelJob", holder, True)
            self.lab.wait_jobs([holder])

    def wait_for(self, job: int, status: str) -> None:
        """Return when a job has this status."""
        deadline = time.monotonic() + 60
        while (found := self.lab.jobs([job])[0]).status != status:
            assert time.monotonic() < deadline and not found.ended, found
            time.sleep(0.1)

    def cancel(self, jobs: Iterable[Job]) -> None:
        """Cancel jobs that wait, as a person does; Ganeti answers when it has come to each."""
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda job: luxi.call(self.lab.luxi_socket, "CancelJob", job.id), jobs))
        assert answers and all(done for done, _ in answers), answers

    def purge_queue(self, last: int = 0) -> None:
        """Forget all jobs, as when the queue's folder is purged; the next one gets the number after `last`."""
        self.lab.wait_jobs()
        purge = f"rm -rf {QUEUE}/job-* {QUEUE}/archive/* && echo {last} > {QUEUE}/serial"
        for command in (["/usr/lib/ganeti/daemon-util", "stop", "ganeti-luxid"], ["sh", "-c", purge]):
            self.lab.run("node1", command)
        self.lab.node_on("node1")  # starts what does not run

    def crash(self, instance: str) -> None:
        """Let an instance die on its node, which Ganeti is not told."""
        self.lab.run(self.placed(instance)[0], ["rm", f"{RUNNING_INSTANCES}/{self.lab.full_name(instance)}"])

    def volumes(self, node: str) -> list[str]:
        """Return the names of the logical volumes on a node."""
        return self.lab.run(node, ["ls", "/dev/xenvg"]).stdout.split()

    def harep(self, *options: str) -> str:
        """Run Ganeti's own repair tool on the master, and return what it printed."""
        return self.lab.run("node1", ["harep", *options]).stdout


@pytest.fixture
def used_cluster(lab: Lab, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of five nodes, as the tests before have left it."""
    with recording(lab.rapi_url, lab.ca_file, lab.luxi_socket, tmp_path) as proxy:
        yield Cluster(lab, proxy, tmp_path)


@pytest.fixture
def cluster(lab: Lab, used_cluster: Cluster) -> Cluster:
    """A freshly made cluster of five nodes, without instances."""
    lab.reset()
    return used_cluster


@pytest.fixture(params=TRANSPORTS)
def either(cluster: Cluster, request: pytest.FixtureRequest) -> Cluster:
    """The same cluster, reached over RAPI or LUXI."""
    cluster.transport = request.param
    return cluster
