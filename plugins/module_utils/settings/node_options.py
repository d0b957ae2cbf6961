# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Node options: what a user sets for looks at nodes, checked before anything is asked (design, section 8)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..errors import BadOption
from .declared import flag_option, names_option, number_option, option, parsed_options, specs_of

_SECONDS = "a number of seconds, 0 for none"


def _quorum(name: str, given: int | None) -> int | None:
    if given is not None and given < 0:
        raise BadOption(f"{name} is {given}; it takes a number of witnesses, or 0 for a cluster of two nodes")
    return given


@dataclass(frozen=True)
class NodeOptions:
    """The options of a look at nodes, each declared here once; times are in seconds."""

    looks: int = number_option(3, "a number of looks, at least 2", least=2)
    dead_after: int = number_option(120, _SECONDS)
    hung_after: int = number_option(600, _SECONDS)
    degraded_after: int = number_option(600, _SECONDS)
    witnesses: int = number_option(7, "a number of nodes, at least 1", least=1)
    witness_quorum: int | None = option(None, _quorum, type="int")
    isolation_addresses: tuple[str, ...] = names_option()
    deep: bool = flag_option(False)
    probe_timeout: int = number_option(20, "one second or more", least=1)


NODE_SPECS = specs_of(NodeOptions)


def parse_node_options(given: Mapping[str, Any]) -> NodeOptions:
    """The options that a module's options set. Raises BadOption, with one sentence for people."""
    return NodeOptions(**parsed_options(NodeOptions, given))
