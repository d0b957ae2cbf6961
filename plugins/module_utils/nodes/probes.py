# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes: which nodes to ask over SSH, and about which (design, section 8). A cluster that is well needs none (N11)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest
from shlex import quote

from ..ganeti.model import NodeState
from ..settings.node_options import NodeOptions
from .given import node_called
from .looks import CONTROLLER, DEEP, ISOLATION
from .observed import Observed


@dataclass(frozen=True)
class Probes:
    """The `witnesses` to ask, the `targets` that each of them and this machine try to reach, and the addresses by which
    this machine finds out whether it is cut off (`isolation`). `deep` are the nodes to ask about themselves, and about
    their volume group."""

    witnesses: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    isolation: tuple[str, ...] = ()
    deep: tuple[str, ...] = ()
    volume_group: str = ""

    @property
    def nodes(self) -> tuple[str, ...]:
        """All nodes to ask about anything."""
        return tuple(dict.fromkeys((*self.witnesses, *self.deep)))


def probes_for(
    observed: Observed, options: NodeOptions, fence: Iterable[str] = (), readmit: Iterable[str] = ()
) -> Probes:
    """Whom to ask about the nodes that were silent in the last look: as many witnesses as the options say, spread over
    the node groups, the master first. The targets are the silent nodes, the witnesses (one that reaches nobody proves
    nothing), and the nodes that are marked offline (one may be back). A deep look asks every node about itself; a guest
    may run on one that is marked offline. In any case, others are asked about the nodes `fence`, which somebody wants
    to fence, and about the nodes `readmit`, which are to come back; and these are asked about themselves."""
    look = observed.looks[-1]
    back = nodes_called("readmit", observed, readmit)
    silent = sorted(look.silent.union(nodes_called("fence", observed, fence), back))
    speaking = [name for name in sorted(observed.nodes) if look.live.get(name) is not None and name not in silent]
    deep = tuple(name for name in sorted(observed.nodes) if (options.deep or name in back) and observed.addresses[name])
    group = observed.volume_group if deep else ""
    if not silent:
        return Probes(deep=deep, volume_group=group)
    witnesses = _spread(speaking, observed)[: options.witnesses]
    offline = [name for name, node in sorted(observed.nodes.items()) if node.state is NodeState.OFFLINE]
    targets = dict.fromkeys((*silent, observed.master, *witnesses, *offline))
    return Probes(tuple(witnesses), tuple(targets), options.isolation_addresses, deep, group)


def nodes_called(option: str, observed: Observed, names: Iterable[str]) -> tuple[str, ...]:
    """The nodes that a person calls by these names in an option, each once, by their full names. Raises BadOption for a
    name that is no node's, or not of one node alone."""
    return tuple(dict.fromkeys(node_called(option, name, observed.nodes) for name in names))


def arguments_of(observer: str, probes: Probes, addresses: Mapping[str, Sequence[str]]) -> str:
    """The arguments for `look.sh` on an observer, quoted for a shell: the other nodes with each of their addresses, and
    on this machine the isolation addresses. Only witnesses and this machine try to reach others."""
    words = [f"{DEEP}={probes.volume_group}"] if observer in probes.deep else []
    if observer in (CONTROLLER, *probes.witnesses):
        words += [f"{name}={address}" for name in probes.targets if name != observer for address in addresses[name]]
    words += [f"{ISOLATION}={address}" for address in probes.isolation if observer == CONTROLLER]
    return " ".join(map(quote, words))


def _spread(names: Iterable[str], observed: Observed) -> Sequence[str]:
    """`names` in an order in which any number of them from the start is spread over the node groups; the master, which
    tells a cut link from a dead daemon, is the first."""
    groups: dict[str, list[str]] = {}
    for name in sorted(names, key=lambda name: (name != observed.master, name)):
        groups.setdefault(observed.nodes[name].group, []).append(name)
    return [name for name in chain(*zip_longest(*groups.values())) if name is not None]
