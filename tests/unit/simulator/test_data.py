# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Which data is on which node, and what jobs and accidents do to it."""

from __future__ import annotations

import pytest

from simulator import Cluster, Simulator
from simulator.data import Copy
from simulator.mirrors import Whereabouts

ONE, TWO, THREE, FOUR = (f"node{number}.example.com" for number in range(1, 5))
Told = list[tuple[str, str, bool]]


@pytest.fixture
def simulator(cluster: Cluster) -> Simulator:
    """A simulator whose mirrors stay apart until somebody connects them."""
    cluster.reconnects = False
    return Simulator(cluster)


def do(simulator: Simulator, method: str, action: str, body: object = None, *, advance: bool = True) -> str:
    """Do something to an instance, `action` as in web/failover; return the error, or the status without one."""
    number = simulator.ask(method, f"/2/instances/{action}", body).json
    if advance:
        simulator.advance_until_idle()
    else:
        simulator.advance(1)
    job = simulator.cluster.job(number)
    return job.error or job.status


def copies(cluster: Cluster, name: str) -> dict[str, list[int]]:
    """The writes that each copy holds, by the short name of its node; of an inconsistent one, [-1]."""
    found = cluster.instance(name).data.copies
    return {place.split(".")[0]: sorted(copy.writes) if copy.consistent else [-1] for place, copy in found.items()}


def losses(cluster: Cluster, name: str) -> Told:
    """Where copies were given up, how, and whether nothing in the configuration held their data any more."""
    return [(loss.place.split(".")[0], loss.manner, loss.newest) for loss in cluster.instance(name).data.losses]


def lose(cluster: Cluster, *names: str) -> None:
    """Nodes are dead, and marked offline."""
    for name in names:
        cluster.power_off(name)
        cluster.mark(name, offline=True)


# --- mirrors ---


def test_a_mirror_in_step_follows(simulator: Simulator) -> None:
    do(simulator, "PUT", "web/shutdown", {})
    do(simulator, "PUT", "web/startup")
    assert copies(simulator.cluster, "web") == {"node1": [1, 2], "node2": [1, 2]}


def test_the_copy_on_a_dead_node_is_behind_and_catches_up(simulator: Simulator) -> None:
    cluster = simulator.cluster
    cluster.power_off("node2")
    assert copies(cluster, "web") == {"node1": [1, 2], "node2": [1]}
    assert not cluster.reconnect("web")
    cluster.power_on("node2")
    simulator.advance(1)
    assert copies(cluster, "web")["node2"] == [1]
    assert cluster.reconnect("web")
    assert copies(cluster, "web") == {"node1": [1, 2], "node2": [1, 2]}


def test_mirrors_connect_by_themselves_unless_told_otherwise(cluster: Cluster) -> None:
    cluster.power_off("node2")
    cluster.power_on("node2")
    cluster.advance(1)
    assert copies(cluster, "web") == {"node1": [1, 2], "node2": [1, 2]}


def test_a_copy_in_a_resync_is_of_no_use(simulator: Simulator) -> None:
    cluster = simulator.cluster
    cluster.disconnect("web")
    cluster.begin_resync("web")
    lose(cluster, "node1")
    assert do(simulator, "PUT", "web/failover", {}) == "Can't activate the instance's disks"
    web = cluster.instance("web")
    assert (web.primary, web.secondaries, web.running_on) == (TWO, [ONE], set())
    assert cluster.newest("web") == [Whereabouts(ONE, 2, alive=False, online=False, configured=True)]
    assert do(simulator, "PUT", "web/startup") == "Disk consistency error"
    spare = {"mode": "replace_new_secondary", "remote_node": "node3"}
    assert "has degraded storage, unsafe to replace disks" in do(simulator, "POST", "web/replace-disks", spare)
    cluster.power_on("node1")
    cluster.mark("node1", offline=False)
    assert do(simulator, "PUT", "web/startup") == "success"
    assert copies(cluster, "web") == {"node1": [1, 2, 3], "node2": [1, 2, 3]}


def test_a_failover_to_a_copy_that_is_behind_takes_old_data(simulator: Simulator) -> None:
    cluster = simulator.cluster
    cluster.disconnect("web")
    lose(cluster, "node1")
    assert do(simulator, "PUT", "web/failover", {}) == "success"
    assert copies(cluster, "web") == {"node1": [1, 2], "node2": [1, 3]}
    assert losses(cluster, "web") == [("node1", "left behind", True)]
    cluster.power_on("node1")
    cluster.mark("node1", offline=False)
    assert not cluster.reconnect("web"), "both copies were written to apart"


@pytest.mark.parametrize(
    ("action", "answer"),
    [
        ("failover", "Disk 0 is degraded on target node, aborting failover"),
        ("migrate", "Disk 0 is degraded or not fully synchronized on target node, aborting migration"),
    ],
)
def test_while_the_primary_is_online_a_copy_that_is_behind_is_refused(
    simulator: Simulator, action: str, answer: str
) -> None:
    simulator.cluster.disconnect("web")
    assert do(simulator, "PUT", f"web/{action}", {}) == answer
    assert simulator.cluster.instance("web").running_on == {ONE}


def test_a_failover_in_step_leaves_nothing_behind(simulator: Simulator) -> None:
    lose(simulator.cluster, "node1")
    assert do(simulator, "PUT", "web/failover", {}) == "success"
    assert losses(simulator.cluster, "web") == []
    assert copies(simulator.cluster, "web") == {"node1": [1], "node2": [1, 2]}


# --- a new secondary ---


def replace(simulator: Simulator, *, advance: bool = True) -> str:
    """Give web a new secondary, node3."""
    body = {"mode": "replace_new_secondary", "remote_node": "node3"}
    return do(simulator, "POST", "web/replace-disks", body, advance=advance)


def test_a_new_secondary_is_configured_before_it_is_of_use(simulator: Simulator) -> None:
    assert replace(simulator, advance=False) == "running"
    assert simulator.cluster.instance("web").secondaries == [THREE]
    assert copies(simulator.cluster, "web") == {"node1": [1], "node2": [1], "node3": [-1]}
    simulator.advance_until_idle()
    assert copies(simulator.cluster, "web") == {"node1": [1], "node3": [1]}
    assert losses(simulator.cluster, "web") == [("node2", "dropped", False), ("node2", "removed", False)]


def test_the_primary_dies_in_the_middle(simulator: Simulator) -> None:
    replace(simulator, advance=False)
    simulator.cluster.power_off("node1")
    simulator.advance_until_idle()
    assert simulator.cluster.job(1).error == f"Can't contact node {ONE} for mirror data, aborting."
    assert copies(simulator.cluster, "web") == {"node1": [1], "node2": [1], "node3": [-1]}
    found = {place.place: (place.configured, place.alive) for place in simulator.cluster.newest("web")}
    assert found == {ONE: (True, False), TWO: (False, True)}


def test_a_stopped_instance_catches_up_before_it_gets_a_new_secondary(simulator: Simulator) -> None:
    simulator.cluster.disconnect("web")
    do(simulator, "PUT", "web/shutdown", {})
    assert do(simulator, "PUT", "web/failover", {}) == "success", "nobody looks at the mirror of a stopped instance"
    assert losses(simulator.cluster, "web") == [("node1", "left behind", True)]
    assert replace(simulator) == "success"
    assert copies(simulator.cluster, "web") == {"node2": [1, 2], "node3": [1, 2]}


def test_leftover_volumes_are_in_the_way_of_a_new_secondary(simulator: Simulator) -> None:
    simulator.cluster.instance("web").data.copies[THREE] = Copy(frozenset({1}))
    assert 'already exists in volume group "xenvg"' in replace(simulator)
    assert simulator.cluster.instance("web").secondaries == [TWO]


# --- disks anew ---


def recreate(simulator: Simulator, *nodes: str) -> str:
    """Make the disks of db anew."""
    return do(simulator, "POST", "db/recreate-disks", {"nodes": nodes})


def test_new_disks_are_empty_and_the_old_ones_stay(simulator: Simulator) -> None:
    lose(simulator.cluster, "node1")
    assert recreate(simulator, "node2") == "success"
    assert copies(simulator.cluster, "db") == {"node1": [1], "node2": []}
    assert losses(simulator.cluster, "db") == [("node1", "dropped", True)]
    do(simulator, "POST", "db/reinstall")
    assert copies(simulator.cluster, "db") == {"node1": [1], "node2": [2, 3]}
    assert len(losses(simulator.cluster, "db")) == 1, "an empty disk is no loss"
    do(simulator, "POST", "db/reinstall")
    assert losses(simulator.cluster, "db")[1:] == [("node2", "overwritten", True)]
    assert simulator.cluster.instance("db").wiped == 3


def test_leftover_volumes_stop_new_disks_after_the_instance_has_moved(simulator: Simulator) -> None:
    simulator.cluster.instance("db").data.copies[TWO] = Copy(frozenset({0}))
    lose(simulator.cluster, "node1")
    assert 'already exists in volume group "xenvg"' in recreate(simulator, "node2")
    db = simulator.cluster.instance("db")
    assert (db.primary, db.wiped, losses(simulator.cluster, "db")) == (TWO, 0, [("node1", "dropped", True)])
    assert do(simulator, "PUT", "db/startup") == "success"
    assert copies(simulator.cluster, "db") == {"node1": [1], "node2": [0, 2]}, "it runs on the old volume"


def test_nobody_writes_to_an_empty_disk(simulator: Simulator) -> None:
    lose(simulator.cluster, "node1")
    recreate(simulator, "node2")
    assert do(simulator, "PUT", "db/startup") == "success"
    assert copies(simulator.cluster, "db")["node2"] == []


@pytest.mark.parametrize(
    ("stopped", "answer"),
    [(False, "Instance 'db.example.com' is marked to be up, cannot recreate disks"), (True, "success")],
)
def test_new_disks_while_the_old_node_is_online(simulator: Simulator, stopped: bool, answer: str) -> None:
    if stopped:
        do(simulator, "PUT", "db/shutdown", {})
    assert recreate(simulator, "node2") == answer
    assert copies(simulator.cluster, "db")["node1"] == [1]
    lost = simulator.cluster.instance("db").data.losses
    assert [(loss.alive, loss.offline, loss.job) for loss in lost] == ([(True, False, 2)] if stopped else [])


def test_what_a_person_restores(simulator: Simulator) -> None:
    lose(simulator.cluster, "node1")
    recreate(simulator, "node2")
    assert simulator.cluster.restore("db") == 2
    assert copies(simulator.cluster, "db")["node2"] == [2]
    assert simulator.cluster.instance("db").data.restored == {2}
    do(simulator, "POST", "db/reinstall")
    assert simulator.cluster.instance("db").data.losses[-1].writes == {2}
    assert simulator.cluster.restore("db") == 5
    assert [(loss.job, sorted(loss.writes)) for loss in simulator.cluster.instance("db").data.losses[1:]] == [
        (2, [2]),
        (0, [3, 4]),
    ]


def test_shared_storage_is_one_copy(simulator: Simulator) -> None:
    lose(simulator.cluster, "node4")
    assert do(simulator, "PUT", "home/failover", {}) == "success"
    assert copies(simulator.cluster, "home") == {"shared storage": [1, 2]}
    assert simulator.cluster.newest("home") == [Whereabouts("shared storage", 2, True, True, True)]
