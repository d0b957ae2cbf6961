# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clusters in trouble, as facts: what reports are tested with, and how they are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    Placed,
    cluster,
    ended,
    job,
    node,
    pending,
    plan_of,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Cluster, Instance, NodeState
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.files import (
    Written,
    paths_of,
    plan_files,
    read_files,
    write_files,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.page import page_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.schema import Report
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look
from ansible_collections.ganeti.autorepair.plugins.plugin_utils.report.render import renderer

HOUR = 3600
RENDER = renderer()
NO_LINKS: Mapping[str, str] = {}
HOSTILE = (  # names and errors that want to be more than text
    "</script><img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "x\u202egnp.exe",
    "\ud800 half a pair",
    "db1; rm -rf /",
    "ü" * 500,
    "</style><style>*{display:none}",
    "&lt;b&gt;",
    "{{ 7 * 7 }}\n\\",
)


def night() -> Mapping[str, Any]:
    """A cluster at three in the morning: two nodes have died, one is drained, and every state is there."""
    return facts(plan_of(_night(), storm_cooldown=0))


def _night() -> Cluster:
    found = [
        *_placed("web1", "drbd", "node1", "node3", pending("failover", "4711+4715", "r-web1", NOW - 420)),
        *_placed("web2", "drbd", "node3", "node2", pending("failover", "4713", "r-web2", NOW - 390)),
        *_placed("db1", "drbd", "node3", "node2", ended("failure", "failover", "4702", "r-db1", NOW - 2 * HOUR)),
        *_placed("shop", "rbd", "node7", None),
        *_placed("build1", "plain", "node7", None, tag("reinstall")),
        *_placed("cache1", "plain", "node3", None),
        *_placed("mail", "drbd", "node5", "node7"),
        *_placed("wiki", "drbd", "node3", "node4", tag(f"suspend:{NOW + 5 * HOUR}")),
        *_placed("home", "sharedfile", "node4", None),
        *_placed("git", "drbd", "node7", "node4"),
        *_placed("ci", "plain", "node4", None),
        *(one for at in range(14) for one in _placed(f"app{at + 1}", "drbd", f"node{at % 2 + 1}", f"node{at % 2 + 5}")),
    ]
    dead, empty = {"node3": 3 * HOUR, "node7": 540}, {"node4": 26 * HOUR}
    nodes = [_node(at, dead, empty) for at in range(1, 10)]
    jobs = [
        job(4711, "success", "FAILOVER", "web1.example.com", "r-web1", ended=NOW - 300),
        job(4715, "running", "REPLACE_DISKS", "web1.example.com", "r-web1"),
        job(4713, "running", "FAILOVER", "web2.example.com", "r-web2"),
        job(4702, "error", "FAILOVER", "db1.example.com", "r-db1", error="Disk 0 on node2.example.com is degraded"),
    ]
    one = cluster(*nodes, *(Placed(instance, ()) for instance in found), tags=[tag("failover")], jobs=jobs)
    return replace(one, master="node1.example.com", version="3.0.2", uuid="f28c8385")


def _placed(name: str, template: str, primary: str, secondary: str | None, *tags: str) -> list[Instance]:
    names = tuple(f"{node}.example.com" for node in (primary, secondary) if node)
    fields: dict[str, Any] = {"uuid": f"uuid-{name}", "memory": 512, "disk_sizes": (1024,), "tags": tags}
    return [Instance(f"{name}.example.com", disk_template=template, primary=names[0], secondaries=names[1:], **fields)]


def _node(at: int, dead: Mapping[str, int], empty: Mapping[str, int]) -> Any:
    name = f"node{at}"
    state: NodeState = OFFLINE if name in dead else DRAINED if name in empty else ONLINE
    group = "rack1" if at < 5 else "rack2"
    since = NOW - {**dead, **empty}.get(name, 90 * 24 * HOUR)
    return replace(node(f"{name}.example.com", state, group), changed=float(since))


def large(instances: int, nodes: int = 40) -> Mapping[str, Any]:
    """A cluster of so many instances, of which one in twenty is on a dead node."""
    found = [
        Placed(one, ())
        for at in range(instances)
        for one in _placed(f"inst{at + 1}", "drbd", f"node{at % nodes + 1}", f"node{(at + 1) % nodes + 1}")
    ]
    dead = {f"node{nodes - 1}": HOUR, f"node{nodes}": HOUR}
    return facts(plan_of(cluster(*[_node(at + 1, dead, {}) for at in range(nodes)], *found, tags=[tag("migrate")])))


def looked_at(strays: Sequence[Any] | None = None, **verdicts: str) -> dict[str, Any]:
    """Facts about nodes, named without their domain, as far as a report uses them: all of `large` and `night` are
    healthy but these."""
    names = [f"node{number}" for number in range(1, 41)]
    nodes = [_looked(name, verdicts.get(name, "healthy")) for name in names]
    return {"time": NOW, "stopped": None, "strays": strays, "nodes": nodes}


def _looked(name: str, verdict: str) -> dict[str, Any]:
    sick = verdict != "healthy"
    told = {"reason": f"nobody reaches {name}" if sick else f"{name} answers", "evidence": ["power: on"] * sick}
    return {
        "name": f"{name}.example.com",
        "verdict": verdict,
        "since": NOW - 60 if sick else None,
        "command": f"gnt-node modify {name}" if sick else None,
        **told,
    }


def hostile() -> Mapping[str, Any]:
    """Facts in which every name and word wants to be code."""
    made = _with_hostile_words(dict(night()))
    return {**made, "time": NOW, "cluster": {**made["cluster"], "name": HOSTILE[0]}}


def _with_hostile_words(value: Any) -> Any:
    """`value` with each name in it, and each reason, replaced by a hostile one that is like no other."""
    if isinstance(value, list):
        return [_with_hostile_words(one) for one in value]
    if isinstance(value, dict):
        return {key: _with_hostile_words(one) for key, one in value.items()}
    if isinstance(value, str) and (".example.com" in value or value.startswith("rack")):
        return HOSTILE[sum(map(ord, value)) % len(HOSTILE)] + value
    return value


def html_of(report: Report, title: str, links: Mapping[str, str] = NO_LINKS, up: str = "") -> str:
    """The page of a report."""
    return RENDER(page_of(report, title, links, up))


def plan(folder: Path, looks: Sequence[Look], now: int) -> Written:
    """What the files in a folder are to be, as the action plugin plans it."""
    return plan_files(read_files(folder, paths_of([look.name for look in looks])), looks, now, RENDER)


def write(folder: Path, looks: Sequence[Look], now: int) -> Written:
    """Write the report, as the action plugin and the module do together; what was planned."""
    written = plan(folder, looks, now)
    write_files(folder, written.files)
    return written
