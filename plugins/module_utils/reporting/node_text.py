# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node text: a plan for nodes, as lines for people: who is what, since when, who says what, and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from ..ganeti.model import utc
from ..nodes.judge import NodeVerdict
from ..nodes.looks import NodeLook
from ..nodes.plan import NodePlan, NodeRow
from .text import INDENT, columns_of, reason_lines

_WELL = "every node that is not marked offline answers"
_STRAY = "where both run, both write; find out which of them is the right one, and stop the other by hand"
_STRANGER = "find out whose it is; its disks may be used elsewhere"
_FLAPS = "look at its network, its load and its kernel log"
_HEALS = (
    "NOTE maintain_node_health is off: a node that comes back does not find out by itself that it was marked offline, "
    "and keeps its instances running; to switch it on: gnt-cluster modify --maintain-node-health=yes"
)


def render_nodes(plan: NodePlan) -> list[str]:
    """The report on nodes: those that are not healthy, each with the reason, who saw what, and the command for it."""
    observed = plan.observed
    looks = len(observed.looks)
    told = f"{looks} look{'s' * (looks > 1)} at its nodes"
    text = [f"{observed.name or 'the cluster'}, {utc(observed.time)}: {told}, nothing was written"]
    table = list(_table([row for row in plan.rows if _has_news(row)]))
    text += ["", *(table or [f"{_count(len(plan.rows))}: {_WELL}"])]
    remarks = list(_remarks(plan))
    text += ["", *remarks] if remarks else []
    counts = Counter(row.judged.verdict.value if row.judged else "not asked" for row in plan.rows)
    return [*text, "", f"{_count(len(plan.rows))}: " + ", ".join(f"{counts[word]} {word}" for word in sorted(counts))]


def _count(number: int) -> str:
    return f"{number} node" if number == 1 else f"{number} nodes"


def _has_news(row: NodeRow) -> bool:
    """Whether there is anything to say of a node; one that nobody was asked about is listed, as it may be back."""
    return (
        row.judged is None or row.judged.verdict is not NodeVerdict.HEALTHY or bool(row.judged.evidence or row.strays)
    )


def _table(rows: list[NodeRow]) -> Iterable[str]:
    if not rows:
        return
    cells = [
        (
            row.node.name,
            row.node.state.value,
            row.judged.verdict.value if row.judged else "not asked",
            utc(row.incident.since) if row.incident else "-",
            row.next.step.value,
        )
        for row in rows
    ]
    head, *lines = columns_of([("NODE", "STATE", "VERDICT", "SINCE", "NEXT"), *cells])
    yield head
    for line, row in zip(lines, rows):
        yield line
        yield from reason_lines(row.next.reason, row.next.command)
        yield from (f"{INDENT}- {entry}" for entry in (row.judged.evidence if row.judged else ()))


def _flapping(looks: Sequence[NodeLook]) -> Iterable[str]:
    """The nodes that answer the master now, and did not before."""
    *before, last = looks
    for name in sorted(name for name, boot_id in last.live.items() if boot_id is not None):
        silent = sum(name in look.silent for look in before)
        if silent:
            yield f"WARNING {name} answers now, but was silent in {silent} of {len(looks)} looks: {_FLAPS}"


def _remarks(plan: NodePlan) -> Iterable[str]:
    judgement, unseen = plan.judgement, plan.observed.looks[-1].unseen
    for stray in plan.strays:
        yield f"DANGER {stray}: {_STRAY if stray.primary else _STRANGER}"
    if unseen:
        yield f"NOTE these did not look at themselves over SSH, or not to the end: {', '.join(sorted(unseen))}"
    if judgement.stopped:
        yield f"STOPPED no silent node is judged: {judgement.stopped}"
    if len(judgement.masters) > 1:
        yield f"WARNING more than one node is taken for the master: {', '.join(judgement.masters)}"
    if len(judgement.parts) > 1:
        parts = "; ".join(", ".join(part) for part in judgement.parts)
        yield f"WARNING nobody has seen a connection between these: {parts}"
    yield from _flapping(plan.observed.looks)
    for tag in plan.observed.tags.malformed:
        if tag.tag:
            yield f"WARNING {tag}"
    if plan.observed.heals_itself is False:
        yield _HEALS
