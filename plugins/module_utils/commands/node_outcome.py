# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node outcome: what was written about a node, and how it is told (design, section 8)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..errors import NodeStepFailed
from ..ganeti.operations import Operation
from ..nodes.node_change import NodeChange

_STATES = {  # what a node is marked as, and what it was before
    Operation.MARK_NODE_OFFLINE: ("offline", "online"),
    Operation.MARK_NODE_DRAINED: ("drained", "offline"),
    Operation.MARK_NODE_REGULAR: ("regular", "drained"),
    Operation.MARK_NODE_CANDIDATE: ("master-candidate", "regular"),
}


@dataclass
class NodeOutcome:
    """What has become of a change: what was written, by which jobs; `error` is why not all of it was, or what has
    failed. `notes` say what else was done, or is left to do; `lost` is whether an answer to that was."""

    change: NodeChange
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    marked: tuple[Operation, ...] = ()
    jobs: list[int] = field(default_factory=list)
    error: str = ""
    notes: list[str] = field(default_factory=list)
    lost: bool = False

    @property
    def changed(self) -> bool:
        """Whether anything was written."""
        return bool(self.added or self.removed or self.marked)

    @property
    def goes_on(self) -> bool:
        """Whether there is more to do at once: the node is used again, and its tags have to go."""
        return not self.error and self.change.marks == (Operation.MARK_NODE_REGULAR,)


def tell(written: Iterable[NodeOutcome], dry: bool) -> dict[str, Any]:
    """The result of the module: what was done with each node, or with `dry`, would be. Raises an AutorepairError that
    carries all of it if anything went wrong."""
    done = list(written)
    result = {
        "changed": any(each.changed for each in done),
        "nodes": [_data(each) for each in done],
        "report": [_line(each, dry) for each in done],
        "diff": [_diff(each) for each in done if each.changed],
    }
    wrong = [f"{each.change.node.name}: {each.error}" for each in done if each.error]
    if wrong:
        raise NodeStepFailed("; ".join(wrong), **result)
    return result


def _data(done: NodeOutcome) -> dict[str, Any]:
    return {
        "name": done.change.node.name,
        "incident": done.change.incident or None,
        "tags_added": list(done.added),
        "tags_removed": list(done.removed),
        "marked": _STATES[done.marked[-1]][0] if done.marked else None,
        "jobs": done.jobs,
        "note": "; ".join(filter(None, [done.change.note, *done.notes])) or None,
        "error": done.error or None,
    }


def _line(done: NodeOutcome, dry: bool) -> str:
    add, remove, mark = ("would add", "would remove", "would mark it") if dry else ("added", "removed", "marked it")
    parts = [done.error or done.change.note]
    parts += [f"{add} {' '.join(done.added)}"] * bool(done.added)
    parts += [f"{mark} {_STATES[operation][0]}" for operation in done.marked]
    parts += [f"{remove} {' '.join(done.removed)}"] * bool(done.removed)
    return f"{done.change.node.name}: {'; '.join([*parts, *done.notes])}"


def _diff(done: NodeOutcome) -> dict[str, str]:
    header = f"node {done.change.node.name}"
    states = [_STATES[operation] for operation in done.marked]
    before = [*done.removed, *(before for _after, before in states[:1])]
    after = [*done.added, *(after for after, _before in states[-1:])]
    texts = {"before": before, "after": after}
    return {
        "before_header": header,
        "after_header": header,
        **{key: "".join(f"{x}\n" for x in texts[key]) for key in texts},
    }
