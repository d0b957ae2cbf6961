# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What scenarios do: repair by the collection's playbooks, and look at what has become of the data."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab import luxi
from lab.certificates import fingerprint
from lab.luxi import Job
from playbook import Run, play, start_step
from vmlab import VmLab
from vmlab.guests import running_file
from vmlab.vmlab import RAPI_PORT

TRANSPORTS = ("rapi", "luxi")
PREFIX = "ganeti:watcher:autorepair:"
PEER_SECONDS = 60.0  # DRBD takes about ten to miss its peer
SETTLED_SECONDS = 3.0
RAPI_CERTIFICATE = "/var/lib/ganeti/rapi.pem"


def for_each(*kinds: str) -> list[str]:
    """Return the names of the instances of these kinds: one of each is repaired over RAPI, the other over LUXI."""
    return [f"{kind}-{over}" for kind in kinds for over in TRANSPORTS]


class Cluster:
    """The cluster, as a user of the collection reaches it."""

    def __init__(self, lab: VmLab, folder: Path) -> None:
        """Take what it is made of; runs are kept below `folder`."""
        self.lab = lab
        self._folder = folder

    def options(self, over: str, **changes: object) -> dict[str, object]:
        """Return the connection options over a transport, with these changes."""
        if over == "luxi":
            return {"transport": "luxi", "luxi_socket": str(self.lab.settings.luxi_socket), **changes}
        pem = self._folder / "rapi.pem"
        pem.write_text(self.lab.nodes[0].run(["cat", RAPI_CERTIFICATE]).stdout)
        return {
            "rapi_host": self.lab.settings.cluster_address,
            "rapi_port": RAPI_PORT,
            "rapi_user": self.lab.user.name,
            "rapi_password": self.lab.user.password,
            "rapi_fingerprint": fingerprint(pem),
            **changes,
        }

    def repair(self, *names: str, over: str = "rapi", **changes: object) -> Run:
        """Run the playbook `repair` for these instances, or all, over a transport; what became of it.

        It goes on until nothing is left to do, or for ten minutes.
        """
        limits = {"instances": names or ["*"], "wait": True, "wait_timeout": 600, **changes}
        run = play(self._folder / over, self.options(over, **limits))
        assert run.code == 0, run.output
        return run

    def begin_repair(self, *names: str, over: str) -> subprocess.Popen[str]:
        """Start rounds for these that go on until nothing is left to do; `playbook.end_step` waits for them."""
        return start_step(self.options(over, instances=names, wait=True, wait_timeout=600))

    def allow(self, kind: str) -> None:
        """Allow repairs up to this type on the whole cluster."""
        self.lab.gnt("gnt-cluster", "add-tags", PREFIX + kind)

    def results(self, guest: str) -> list[tuple[str, str]]:
        """Return the type and the result of each repair of an instance that has ended with one."""
        found = [tag.removeprefix(PREFIX).split(":") for tag in self.tags(guest)]
        return [(tag[1], tag[4]) for tag in found if tag[0] == "result"]

    def tags(self, guest: str) -> list[str]:
        """Return all tags of an instance."""
        (found,) = self._row(guest, "tags")
        return [str(tag) for tag in found]

    def placed(self, guest: str) -> tuple[str, list[str], str]:
        """Return an instance's primary, its secondaries and its status."""
        primary, secondaries, status = self._row(guest, "pnode", "snodes", "status")
        return primary.partition(".")[0], [name.partition(".")[0] for name in secondaries], status

    def jobs(self, operation: str, guest: str) -> list[Job]:
        """Return the jobs with this operation on an instance, such as "INSTANCE_FAILOVER"."""
        wanted = f"{operation}({self.lab.full_name(guest)})"
        return [job for job in luxi.jobs(self.lab.settings.luxi_socket) if wanted in job.summary]

    def runs(self, operation: str, guest: str) -> bool:
        """Whether a job with this operation on an instance is at work now."""
        return any(job.status == "running" for job in self.jobs(operation, guest))

    def waits_for_resync(self) -> bool:
        """Whether a job has said how long its resync will take: it asks no node for a minute then."""
        return "remaining" in self.lab.gnt("gnt-job", "list", "--running", "--no-headers", "-o", "oplog")

    def dies(self, node: str) -> None:
        """Let a node lose power, and a person mark it offline.

        Not while the configuration's last change is on its way there: Ganeti would wait minutes for the answer.
        """
        self.lab.wait()
        time.sleep(SETTLED_SECONDS)
        self.lab.node(node).switch_off()
        self.lab.mark(node, offline=True)

    def is_cut_off(self, node: str) -> None:
        """Let a node's cable be out, and a person mark it offline, who thinks that it is dead: all in it goes on."""
        self.lab.wait()
        time.sleep(SETTLED_SECONDS)
        self.lab.node(node).unplug()
        self.lab.mark(node, offline=True)

    def crash(self, guest: str, node: str) -> None:
        """Let an instance die on a node, which Ganeti is not told; its disks stay as they are."""
        self.lab.node(node).run(["rm", running_file(self.lab.full_name(guest))])

    def until(self, what: str, holds: Callable[[], bool], patience: float = 120.0) -> None:
        """Return when something holds."""
        deadline = time.monotonic() + patience
        while not holds():
            assert time.monotonic() < deadline, f"after {patience:.0f} s it did not come to this: {what}"
            time.sleep(0.3)

    def lose_peers(self, node: str) -> None:
        """Return when the kernel of a node has missed the peers of all its mirrors."""
        self.until(f"{node} misses its peers", lambda: not self._connected(node), PEER_SECONDS)

    @contextmanager
    def disks_of(self, guests: Iterable[str]) -> Iterator[None]:
        """Have the disks of stopped instances for a while."""
        self.lab.succeed([self.lab.opcode("ACTIVATE_DISKS", guest)] for guest in guests)
        yield
        self.lab.succeed([self.lab.opcode("DEACTIVATE_DISKS", guest)] for guest in guests)

    def _connected(self, node: str) -> bool:
        return any(state.startswith("Connected") for state in self.lab.mirrors(node).values())

    def _row(self, guest: str, *fields: str) -> list[Any]:
        rows = self.lab.rows("instance", "name", *fields)
        return next(values for name, *values in rows if name == self.lab.full_name(guest))
