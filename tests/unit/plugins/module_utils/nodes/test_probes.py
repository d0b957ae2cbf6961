# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Probes: nobody is asked where all answer; else witnesses of all groups, the master first."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.plugins.module_utils.node_builders import NAMES, look_data, observed_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.probes import Probes, arguments_of, probes_for
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions


def test_a_cluster_that_is_well_costs_nothing_more() -> None:
    """Also where somebody is marked offline, whom Ganeti does not ask (N11)."""
    seen = look_data(live={name: "boot" for name in NAMES if name != "node4"})
    observed = observed_of(seen, nodes={"node4": {"state": "offline"}})
    assert probes_for(observed, NodeOptions(isolation_addresses=("192.0.2.1",))) == Probes()


@pytest.mark.parametrize(
    ("most", "witnesses"),
    [(1, ("node1",)), (2, ("node1", "node4")), (7, ("node1", "node4", "node2"))],
)
def test_witnesses_are_spread_over_the_groups(most: int, witnesses: tuple[str, ...]) -> None:
    """The master is the first: it tells a cut link from a dead daemon."""
    found = probes_for(observed_of(look_data(silent="node3")), NodeOptions(witnesses=most))
    assert found.witnesses == witnesses
    assert set(found.targets) == {"node3", *witnesses}


def test_one_who_may_be_back_is_tried_as_well() -> None:
    """A node that is marked offline."""
    seen = look_data(silent="node3", live={"node1": "boot", "node2": "boot", "node3": None})
    found = probes_for(observed_of(seen, nodes={"node4": {"state": "offline"}}), NodeOptions())
    assert found == Probes(("node1", "node2"), ("node3", "node1", "node2", "node4"))


@given(st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)), st.integers(1, 5))
def test_witnesses_answer_and_the_silent_are_tried(silent: set[str], offline: set[str], most: int) -> None:
    """Whoever is silent, whoever is marked; and each witness tries somebody else."""
    live = {name: None if name in silent else "boot" for name in NAMES if name not in offline}
    seen = look_data(live=live, observers=[], asked=[])
    found = probes_for(
        observed_of(seen, nodes={name: {"state": "offline"} for name in offline}), NodeOptions(witnesses=most)
    )
    assert all(live.get(name) for name in found.witnesses) and len(found.witnesses) <= most
    assert set(found.targets) >= silent - offline
    assert bool(found.targets) == bool(silent - offline)


def test_a_deep_look_asks_all_about_themselves_and_witnesses_about_others() -> None:
    """Also nodes that are marked offline, on which a guest may run; not one without an address."""
    nodes = {"node4": {"state": "offline"}, "node2": {"addresses": []}}
    observed = observed_of(look_data(silent="node3"), nodes=nodes)
    found = probes_for(observed, NodeOptions(deep=True, witnesses=1))
    assert found.deep == ("node1", "node3", "node4") and found.nodes == found.deep
    assert arguments_of("node3", found, observed.addresses) == "deep=xenvg"
    assert arguments_of("node1", found, observed.addresses) == "deep=xenvg node3=192.0.2.13 node4=192.0.2.14"
    assert "deep" not in arguments_of("controller", found, observed.addresses)


@pytest.mark.parametrize("state", ["online", "offline"])
def test_about_a_node_that_somebody_wants_to_fence_others_are_asked(state: str) -> None:
    """Also if it answers, or is marked offline; it is no witness about itself, and a name may be short."""
    live = {name: "boot" for name in NAMES if (name, state) != ("node3", "offline")}
    observed = observed_of(look_data(live=live), nodes={"node3": {"state": state}})
    assert probes_for(observed, NodeOptions()) == Probes()
    found = probes_for(observed, NodeOptions(), ["NODE3"])
    assert found.witnesses == ("node1", "node4", "node2") and found.targets[0] == "node3"
    with pytest.raises(BadOption, match="fence: no node in the cluster is called node9"):
        probes_for(observed, NodeOptions(), ["node9"])


def test_arguments_are_quoted() -> None:
    """They run in a shell, on this machine, too; and they come from a cluster."""
    probes = Probes(("node1",), ("node1", "no;de"), ("192.0.2.1", "$(reboot)"))
    addresses = {"node1": ["192.0.2.11", "198.51.100.11"], "no;de": ["2001:db8::1"]}
    assert arguments_of("node1", probes, addresses) == "'no;de=2001:db8::1'"
    words = "node1=192.0.2.11 node1=198.51.100.11 'no;de=2001:db8::1' isolation=192.0.2.1 'isolation=$(reboot)'"
    assert arguments_of("controller", probes, addresses) == words
