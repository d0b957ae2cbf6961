# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""docs/how-it-works.md: the repair that it shows is played on the demo's cluster, and its diagram has every state."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import run_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.client import RapiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.options import RapiOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import State
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import ExecutionOptions, RunContext
from simulator import Cluster, Simulator
from simulator.examples import PREFIX, example

PAGE = (Path(__file__).parents[2] / "docs" / "how-it-works.md").read_text()
LIMITS = Limits(instances=("web2",))
SETTINGS = ExecutionOptions(reason="", iallocator="", new_id=lambda: "ID")


def short(tag: str) -> str:
    """A tag as the page shows it."""
    return re.sub(r":\d{10}", ":TIME", tag.removeprefix(PREFIX))


def jobs(cluster: Cluster, since: int) -> list[str]:
    """A line for each of the jobs after the one with this id, as all of them are of one opcode."""
    lines = []
    for number in range(since + 1, cluster.queue.last_id + 1):
        (op,) = (step.op for step in cluster.job(number).steps)
        what = [op["OP_ID"].removeprefix("OP_"), *(["cluster"] * (op.get("kind") == "cluster"))]
        after = " and ".join(str(job) for job, _ in op.get("depends") or ())
        tags = [short(tag) for tag in op.get("tags", ())]
        lines.append(" ".join([f"  job {number:<4}", *what, *tags, *([f"(after {after})"] * bool(after))]))
    return lines


def told(simulator: Simulator) -> tuple[list[str], list[str]]:
    """What rounds do for one instance, each after the jobs of the one before, until one writes nothing; its states."""
    cluster, states, lines = simulator.cluster, [], []
    authority = str(simulator.certificate.authority)
    client = RapiClient(RapiOptions("127.0.0.1", simulator.port, "lab", "labsecret", authority))
    for number in range(1, 9):
        web2, since = cluster.instance("web2.example.com"), cluster.queue.last_id
        where = f"on {web2.primary} and {web2.secondaries[0]}".replace(".example.com", "")
        simulator.log.clear()
        played = run_round(client, LIMITS, SETTINGS, RunContext("HOLDER", cluster.clock.now, simulator.advance))
        found, left = (
            next(case.state.value for case, _ in plan.rows if case.instance.name == web2.name)
            for plan in (played.before, played.after)
        )
        states += [found, left]
        sent, writes = len(simulator.log.entries), len(simulator.log.writes())
        lines += [f"round {number}: {found}, {where}", *jobs(cluster, since)]
        lines += [f"  then     {left}; {sent} requests, {writes} of them writes"]
        simulator.advance_until_idle()
        lines += [f"  tag      {short(tag)}" for tag in sorted(cluster.instance(web2.name).tags)]
        if not played.changed:
            break
    return lines, states


@pytest.fixture(scope="module")
def story() -> tuple[list[str], list[str]]:
    """It, on the demo's cluster, over RAPI and in virtual time."""
    with Simulator(example(Cluster())) as simulator:
        return told(simulator)


def test_the_repair_is_as_it_was_played(story: tuple[list[str], list[str]]) -> None:
    """Every job, every tag and the number of requests."""
    block = "\n".join(story[0])
    assert f"```text\n{block}\n```" in PAGE, f"it was played so:\n{block}"


def test_the_diagram_has_every_state(story: tuple[list[str], list[str]]) -> None:
    """And every step from one to the next that this repair took."""
    arrows = re.findall(r"^ +(\w+) --> (\w+)(?:: .+)?$", PAGE, re.M)
    assert {name for arrow in arrows for name in arrow} == {state.value for state in State}
    assert {pair for pair in pairwise(story[1]) if pair[0] != pair[1]} <= set(arrows)
