# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A person fences a node, or says that it is off, on real Ganeti: from the command to guests that run elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab import certificates, luxi, network
from lab.bmc import Power, power_of, redfish
from playbook import Run, play_on

from .conftest import TRANSPORTS, Cluster
from .test_power import agent
from .test_power import agents as _agents  # noqa: F401  # installs them
from .test_silent_nodes import AT_ONCE, cut_link, hosts, standing, stopped_noded

REMEMBERED = "ganeti:watcher:nodewatch:"


@contextmanager
def powered(cluster: Cluster, power: Power) -> Iterator[dict[str, object]]:
    """The variables by which node3's BMC is found."""
    with redfish(certificates.signed_file(cluster.lab.settings), power) as ports:
        yield {"fence_tasks": "fence_agent.yml", **agent({"node3": ports[0]})}


def played(
    cluster: Cluster, folder: Path, transport: str, *options: str, name: str = "fence", **changes: object
) -> Run:
    """A run of the playbook about node3."""
    variables = hosts(cluster, transport, looks=2, **changes)
    return play_on(variables, folder / "run", f"ganeti.autorepair.{name}", "-e node=node3", AT_ONCE, *options)


def remembered(cluster: Cluster) -> list[list[str]]:
    """What the cluster's tags say of nodes, in fields, without the UUID, the incident's id and the time."""
    tags = [tag for tag in cluster.lab.tags("cluster", "") if tag.startswith(REMEMBERED)]
    fields = [tag.removeprefix(REMEMBERED).split(":") for tag in tags]
    return [[stage, *words] for stage, _node, _incident, _time, *words in fields]


def is_offline(cluster: Cluster, node: str) -> bool:
    """Whether it is marked."""
    name = cluster.lab.node(node).full_name
    return dict(luxi.rows(cluster.lab.luxi_socket, "node", ["name", "offline"]))[name]


def cut_off_in_the_middle(cluster: Cluster, node: str) -> None:
    """The node's programs hang while the master hands it a new configuration, and then nobody reaches it any more."""
    with stopped_noded(cluster, node):
        cluster.lab.add_tags("cluster", "", "note")
        network.unplug(cluster.lab.node(node).cable)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_from_the_command_to_guests_that_run_elsewhere(cluster: Cluster, tmp_path: Path, transport: str) -> None:
    """It lives, cut off, and its guest runs; Ganeti waits for an answer of it, which never comes."""
    lab = cluster.lab
    lab.create("web1", template="rbd", primary="node3")
    lab.add_tags("instance", "web1", "ganeti:watcher:autorepair:failover")
    cut_off_in_the_middle(cluster, "node3")
    power = power_of(lab, "node3")
    with powered(cluster, power) as known:
        if transport == "rapi":
            before = standing(cluster)
            run = played(cluster, tmp_path, transport, "--check", **known)
            assert run.code == 0 and "would power off node3" in run.output, run.output
            assert standing(cluster) == before and not power.orders
        run = played(cluster, tmp_path, transport, **known)
        assert run.code == 0, run.output
        assert power.orders == ["off"] and is_offline(cluster, "node3")
        assert remembered(cluster) == [["fenced", "fence_agent"]]
        lab.wait_jobs()
        if transport == "luxi":
            again = played(cluster, tmp_path, transport, **known)
            assert again.code == 0 and power.orders == ["off"], again.output
            assert len(remembered(cluster)) == 1
    home, _secondaries, status = cluster.placed("web1")
    assert home != "node3" and status == "running"
    assert len(cluster.jobs("web1", "INSTANCE_FAILOVER")) == 1


def test_who_may_be_alive_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    """Unless somebody asks for it by what the node is; and then its power device must not lie."""
    lying = power_of(cluster.lab, "node3", "lying")
    with cut_link(cluster, "node1", "node3"), powered(cluster, lying) as known:
        before = standing(cluster)
        run = played(cluster, tmp_path, "rapi", **known)
        assert run.code != 0 and "it is cut_off" in run.output and "nothing was written" in run.output, run.output
        run = played(cluster, tmp_path, "luxi", name="confirm", confirmed_by="Anna pulled both plugs")
        assert run.code != 0 and "but it lives, by" in run.output, run.output
        assert standing(cluster) == before and not lying.orders
        run = played(cluster, tmp_path, "rapi", even_if="cut_off", **known)
        assert run.code != 0 and "the power device is another machine's" in run.output, run.output
    assert lying.orders == ["off"] and cluster.lab.node("node3").is_on() and not is_offline(cluster, "node3")
    assert remembered(cluster) == [["failed", "answers"]]


def test_a_person_says_that_it_is_off(cluster: Cluster, tmp_path: Path) -> None:
    """The tag keeps the words, and the instance runs elsewhere; a marked node that nobody has named is left on."""
    lab = cluster.lab
    for web, node in (("web1", "node3"), ("web2", "node5")):
        lab.create(web, template="rbd", primary=node)
        lab.add_tags("instance", web, "ganeti:watcher:autorepair:failover")
    lab.set_node("node5", offline=True)
    lab.node_off("node3")
    tasks, switched = tmp_path / "fence.yml", tmp_path / "switched"
    tasks.write_text(f"- ansible.builtin.file: {{path: {switched}, state: touch}}\n")
    known = {"confirmed_by": "Anna pulled both plugs", "fence_tasks": str(tasks)}
    run = played(cluster, tmp_path, "rapi", name="confirm", **known)
    assert run.code == 0, run.output
    assert remembered(cluster) == [["fenced", "person.Anna_pulled_both_plugs"]] and is_offline(cluster, "node3")
    lab.wait_jobs()
    home, _secondaries, status = cluster.placed("web1")
    assert home not in ("node3", "node5") and status == "running"
    assert not switched.exists() and cluster.placed("web2")[0] == "node5"
