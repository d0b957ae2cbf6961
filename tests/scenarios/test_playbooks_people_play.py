# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people say by the playbooks, on real Ganeti: Ganeti takes the tags, and its own repair tool understands them."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

from lab.instances import Instance
from playbook import Run, end_step, play, start_step

from .conftest import TRANSPORTS, Cluster

TAG = "ganeti:watcher:autorepair:"
MODULES = [f"ganeti.autorepair.ganeti_autorepair_{name}" for name in ("policy", "request", "acknowledge")]
REPORT = "ganeti.autorepair.ganeti_autorepair_report"
DRY = ("--check", "--diff")
FAILED = TAG + "result:failover:mine:5:failure:7"


class Said:
    """Runs playbooks on a cluster, over both transports."""

    def __init__(self, cluster: Cluster, folder: Path) -> None:
        """Keep the runs below `folder`."""
        self.cluster, self.folder = cluster, folder

    def run(self, *plays: str, options: tuple[str, ...] = ()) -> tuple[Run, list[Any]]:
        """Play playbooks one after the other; the run, and what their modules returned."""
        self.cluster.proxy.seen.clear()
        book = self.folder / "book.yml"
        book.write_text("".join(plays))
        given = self.cluster.options(luxi_socket=str(self.cluster.proxy.luxi_socket))
        run = play(self.folder / "run", given, *options, playbook=str(book))
        return run, [result for module, result in run.results if module in MODULES]

    def twice(self, *said: tuple[str, str]) -> list[Any]:
        """Play each playbook over one transport, then over the other, where nothing is left to change.

        What became of the objects of each, the first time.
        """
        turns = [TRANSPORTS if number % 2 else TRANSPORTS[::-1] for number in range(len(said))]
        plays = [imported(*one, over) for one, turn in zip(said, turns, strict=True) for over in turn]
        run, found = self.run(*plays)
        assert run.code == 0, run.output
        assert [result["changed"] for result in found] == [True, False] * len(said), run.output
        return [result["objects"] for result in found[::2]]


def imported(playbook: str, words: str, transport: str) -> str:
    """The play that imports a playbook with such variables, written without their prefix."""
    given = re.sub(r"(^|, )(\w+):", r"\1ganeti_autorepair_\2:", f"{words}, transport: {transport}")
    return f"- {{import_playbook: ganeti.autorepair.{playbook}, vars: {{{given}}}}}\n"


def test_what_is_said(cluster: Cluster, tmp_path: Path) -> None:
    """Each playbook twice; harep reads what was set, and a round does what was asked for."""
    lab, said = cluster.lab, Said(cluster, tmp_path)
    lab.create_all(
        [
            Instance("db", "drbd", primary="node3", secondary="node2"),
            Instance("shop", "rbd", primary="node3"),
            Instance("web", "rbd", primary="node2"),
        ]
    )
    lab.add_tags("instance", "web", FAILED)
    lab.add_tags("cluster", "", TAG + "reinstall")
    lab.node_off("node3", offline=True)

    allow, suspend = ("enable", "object: cluster, allow: failover"), ("suspend", "names: d?, nodes: node3, until: +2h")
    resume, forgive = ("resume", "instances: 'db, web', disk_templates: [drbd]"), ("acknowledge", "instances: web")
    ask = "instances: shop.lab.example, type: failover"
    dry, found = said.run(*(imported(*one, "luxi") for one in (allow, suspend, forgive, ("request", ask))), options=DRY)
    assert dry.code == 0 and [result["changed"] for result in found] == [True] * 4 and not cluster.proxy.writes

    _, (told,) = said.twice(allow, suspend)
    assert [tag for tag in lab.tags("cluster") if tag.startswith(TAG)] == [TAG + "failover"]
    assert abs(int(told["tags_added"][0].rpartition(":")[2]) - time.time() - 7200) < 60
    assert f"Not repairing {lab.full_name('db')} because it's in state ArSuspended (Until" in cluster.harep("--dry-run")

    said.twice(resume, forgive)
    assert cluster.tags("db") == cluster.tags("web") == []
    said.twice(("stop", "reason: rest"))
    assert TAG + "stop" in lab.tags("cluster")
    assert f"Executing ArFailover repair on {lab.full_name('db')}" in cluster.harep("--dry-run")  # it reads past a stop
    said.twice(("start", "reason: over"))
    assert f"Executing ArFailover repair on {lab.full_name('db')}" in cluster.harep("--dry-run")

    nothing, both = ("enable", "object: cluster, state: disabled"), "instances: 'shop,db', type: failover"
    said.twice(nothing, ("request", both), ("request", "instances: db, withdraw: true"))
    assert cluster.tags("db") == []
    left = end_step(start_step({**cluster.options(), "wait": True, "wait_timeout": 120}))
    assert left["summary"]["repair_disallowed"] == 1 and not left["pending"], left["report"]
    assert cluster.tags("shop")[0].split(":")[4] == "success" and cluster.tags("db") == []

    folder = tmp_path / "report"  # for both transports: they know different things, but each the same twice
    for transport in TRANSPORTS:
        run, _ = said.run(*[imported("report", f"report_dir: {folder}", transport)] * 2)
        assert run.code == 0 and not cluster.proxy.writes, run.output
        changes = [result["changed"] for module, result in run.results if module == REPORT]
        assert changes[-1] is False and "shop.lab.example" in (folder / "clusters" / "cluster.json").read_text()
