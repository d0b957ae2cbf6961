# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node wish: what a person wants of nodes, and what it takes (design, section 8)."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ..errors import BadOption
from ..nodes.node_change import NodeChange
from ..nodes.offline import PERSON, Proof, begin_fencing, confirm_off, end_fencing
from ..nodes.plan import NodePlan
from ..nodes.probes import nodes_called
from ..nodes.readmission import Readmission, readmit
from ..settings.node_options import NodeOptions

LONGEST_METHOD = 24  # characters of a program's name; the words of people are not cut


@dataclass(frozen=True)
class Wish:
    """What a person wants of the nodes with these `names`: that they may be powered off (`even_if` they have this
    verdict); or, with `proofs`, that those which are off are marked; or with `words`, that all of them are, as the
    person says that they are off; or with `back`, that they come back."""

    names: tuple[str, ...]
    even_if: str | None = None
    proofs: tuple[Proof, ...] = ()
    words: str = ""
    back: Readmission | None = None

    def changes(self, plan: NodePlan, options: NodeOptions) -> tuple[NodeChange, ...]:
        """What it takes for each of the nodes. Raises BadOption for a node that there is not, and for words that do not
        fit into a tag."""
        names = nodes_called("readmit" if self.back else "fence", plan.observed, self.names)
        if self.back:
            return tuple(readmit(name, plan, self.back, _new_id) for name in names)
        if self.words:
            return tuple(confirm_off(name, self.words, plan, _new_id) for name in names)
        if self.proofs:
            proofs = [replace(proof, node=name) for name in names for proof in self.proofs if proof.node == name]
            return tuple(end_fencing(proof, plan, names) for proof in proofs)
        return tuple(begin_fencing(name, plan, options.looks, self.even_if, _new_id) for name in names)


def parse_wish(given: Mapping[str, Any]) -> Wish:
    """What a module's options ask for. Raises BadOption."""
    if bool(given["fence"]) == bool(given["readmit"]):
        raise BadOption("name the nodes: either fence has some, or readmit")
    if given["readmit"]:
        return Wish(tuple(given["readmit"]), back=_readmission(given))
    if given["fenced"] and given["confirmed_by"]:
        raise BadOption("fenced and confirmed_by exclude each other: either power has proven it, or a person says it")
    proofs = tuple(Proof(entry["node"], _method(entry["method"]), entry["proven"]) for entry in given["fenced"])
    return Wish(tuple(given["fence"]), given["even_if"], proofs, given["confirmed_by"])


def _readmission(given: Mapping[str, Any]) -> Readmission:
    if given["probation"] < 0:
        raise BadOption(f"probation is {given['probation']}; it takes a number of seconds, 0 for none")
    return Readmission(given["looks"], given["probation"], given["undrain"])


def _method(name: str) -> str:
    """How a node was powered off, as a tag has room for it; no program's name looks like a person's word."""
    return ("file-" + name if name.startswith(PERSON) else name)[:LONGEST_METHOD]


def _new_id() -> str:
    return uuid.uuid4().hex[:8]
