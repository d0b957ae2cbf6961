# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What tests set on nodes, groups and the cluster, and who sees it. What Ganeti answers, tests/contract compares."""

from __future__ import annotations

from typing import Any

import pytest

from simulator import Cluster, Simulator
from simulator.errors import SimulatorMisuse

UNAVAILABLE = [3, None]
TWO = ["|", ["=", "name", "node1.example.com"], ["=", "name", "node5.example.com"]]


def over_rapi(simulator: Simulator, kind: str, fields: list[str], qfilter: object = None) -> Any:
    """Return a query's rows over RAPI."""
    return simulator.ask("PUT", f"/2/query/{kind}", {"fields": fields, "qfilter": qfilter}).json["data"]


def over_luxi(simulator: Simulator, kind: str, fields: list[str], qfilter: object = None) -> Any:
    """Return a query's rows over LUXI."""
    return simulator.call("Query", kind, fields, qfilter)["result"]["data"]


BOTH = pytest.mark.parametrize("rows", [over_rapi, over_luxi])


def about(node: str) -> list[str]:
    """Return the filter for a node."""
    return ["=", "name", f"{node}.example.com"]


def done(simulator: Simulator, method: str, target: str, body: object = None) -> str:
    """Submit a job, let it end, and return what failed, or nothing."""
    number = simulator.ask(method, target, body).json
    simulator.advance_until_idle()
    return simulator.cluster.job(number).error


@BOTH
def test_the_mtime_of_a_node_is_when_something_was_said_of_it(simulator: Simulator, rows: Any) -> None:
    cluster = simulator.cluster
    times = []
    for act in (
        lambda: cluster.mark("node3", offline=True),
        lambda: cluster.mark("node3", offline=False),
        lambda: cluster.power_off("node3"),  # nobody says so
    ):
        cluster.advance(100)
        act()
        times.append(rows(simulator, "node", ["mtime"], about("node3"))[0][0])
    now = cluster.clock.now()
    assert times == [[0, now - 200], [0, now - 100], [0, now - 100]]


def test_the_mtime_of_a_node_moves_with_jobs_about_it_and_not_with_those_on_it(simulator: Simulator) -> None:
    node = simulator.cluster.node("node2")
    moved = []
    for target, body in (
        ("/2/instances/web/failover", {}),
        ("/2/nodes/node5/modify", {"offline": True}),
        ("/2/nodes/node2/modify", {"drained": True, "auto_promote": True}),
        ("/2/nodes/node2/modify", {"drained": True, "auto_promote": True}),
        ("/2/nodes/node2/tags?tag=x", None),
    ):
        before = node.mtime
        assert not done(simulator, "POST" if "modify" in target else "PUT", target, body)
        moved.append(node.mtime > before)
    assert moved == [False, False, True, True, True]


def test_a_node_that_is_marked_is_no_master_candidate_any_more(cluster: Cluster) -> None:
    assert cluster.node("node2").master_candidate
    assert not cluster.mark("node2", drained=True).master_candidate


def test_nothing_else_can_be_said_of_a_node(cluster: Cluster) -> None:
    with pytest.raises(SimulatorMisuse, match="zork of a node"):
        cluster.mark("node2", zork=True)


@BOTH
@pytest.mark.parametrize(("powered", "shown"), [(None, UNAVAILABLE), (True, [0, True]), (False, [0, False])])
def test_power_is_what_was_said_if_there_is_a_program_to_control_it(
    simulator: Simulator, rows: Any, powered: bool | None, shown: list[object]
) -> None:
    simulator.cluster.mark("node3", offline=True, powered=powered)
    assert rows(simulator, "node", ["powered"], about("node3")) == [[shown]]


@pytest.mark.parametrize(
    ("powered", "body", "error"),
    [
        (None, {"offline": True, "powered": False}, "does not support out-of-band handling"),
        (True, {"powered": False}, "at least one modification"),
        (True, {"offline": True, "powered": False}, ""),
        (False, {"offline": False}, "needs to be turned on"),
        (False, {"offline": False, "powered": True}, ""),
    ],
)
def test_jobs_that_speak_of_power(
    simulator: Simulator, powered: bool | None, body: dict[str, bool], error: str
) -> None:
    node = simulator.cluster.mark("node5", offline=powered is False, powered=powered)
    said = done(simulator, "POST", "/2/nodes/node5/modify", body)
    assert error in said and bool(error) == bool(said)
    assert node.powered == (powered if error else body["powered"])


def test_a_node_can_be_left_with_so_much_free(simulator: Simulator) -> None:
    simulator.cluster.leave_free("node1", memory=100, storage=50)
    row = over_rapi(simulator, "node", ["mfree", "dfree"], about("node1"))
    assert row == [[[0, 100], [0, 50]]]
    done(simulator, "PUT", "/2/instances/web/failover", {})  # its memory leaves, its disk stays
    assert over_rapi(simulator, "node", ["mfree", "dfree"], about("node1")) == [[[0, 612], [0, 50]]]


@BOTH
@pytest.mark.parametrize(
    ("kind", "fields", "qfilter", "seconds"),
    [
        ("node", ["name", "mfree"], TWO, 5),
        ("node", ["name", "mfree"], about("node1"), 0),
        ("node", ["name", "mfree"], ["=", "group", "default"], 0),
        ("node", ["name"], ["&", ["=", "group", "default"], [">", "mfree", 1]], 0),
        ("node", ["name"], [">", "mfree", 1], 5),
        ("node", ["name", "mtime", "powered"], None, 0),
        ("instance", ["name", "status"], None, 5),
        ("instance", ["name", "status"], ["=", "name", "web.example.com"], 0),
        ("instance", ["name", "pnode"], None, 0),
        ("group", ["name", "ipolicy"], None, 0),
    ],
)
def test_a_query_waits_only_for_dead_nodes_that_it_asks(
    simulator: Simulator, rows: Any, kind: str, fields: list[str], qfilter: object, seconds: int
) -> None:
    simulator.cluster.add_instance("lost.example.com", "drbd", "node5", "node4")
    simulator.cluster.power_off("node5")
    begin = simulator.cluster.clock.now()
    rows(simulator, kind, fields, qfilter)
    assert simulator.cluster.clock.now() == begin + seconds


def test_a_filter_lets_through_what_there_is_no_value_of(simulator: Simulator) -> None:
    simulator.cluster.mark("node5", powered=True)
    simulator.cluster.mark("node4", powered=False)
    names = [f"node{number}.example.com" for number in (1, 2, 3, 5)]
    assert over_luxi(simulator, "node", ["name"], ["?", "powered"]) == [[[0, name]] for name in names]
    assert over_luxi(simulator, "node", ["name"], ["!", ["?", "powered"]]) == [[[0, "node4.example.com"]]]


@BOTH
def test_a_group_shows_its_own_policies_over_the_cluster_s(simulator: Simulator, rows: Any) -> None:
    cluster = simulator.cluster
    group = cluster.groups["rack2"]
    group.alloc_policy, group.disk_templates, group.largest_disk = "unallocable", ["drbd", "plain"], 512
    cluster.enabled_disk_templates.remove("plain")
    shown = rows(simulator, "group", ["alloc_policy", "ipolicy"])
    templates = [policy["disk-templates"] for _, (_, policy) in shown]
    sizes = [policy["minmax"][0]["max"]["disk-size"] for _, (_, policy) in shown]
    assert [policy for (_, policy), _ in shown] == ["preferred", "unallocable"]
    assert templates == [["drbd", "file", "sharedfile", "diskless", "ext", "rbd"], ["drbd"]]
    assert sizes == [1048576, 512]


def test_the_cluster_tells_its_disk_templates_over_both_transports(simulator: Simulator) -> None:
    simulator.cluster.enabled_disk_templates = ["drbd"]
    for info in (simulator.ask("GET", "/2/info").json, simulator.call("QueryClusterInfo")["result"]):
        assert (info["enabled_disk_templates"], info["ipolicy"]["disk-templates"]) == (["drbd"], ["drbd"])


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"target_node": "node1"}, "Disk template sharedfile is not allowed (allowed templates: plain), disk-size/0"),
        ({"target_node": "node1", "ignore_ipolicy": True}, ""),
        ({"target_node": "node5"}, ""),
    ],
)
def test_a_policy_is_asked_of_another_group_only(simulator: Simulator, body: dict[str, object], error: str) -> None:
    for group in simulator.cluster.groups.values():
        group.disk_templates, group.largest_disk = ["plain"], 512
    said = done(simulator, "PUT", "/2/instances/home/failover", body)
    assert error in said and bool(error) == bool(said)


def test_disks_of_a_template_that_is_not_enabled_are_lost_on_the_way(simulator: Simulator) -> None:
    simulator.cluster.power_off("node1")
    simulator.cluster.mark("node1", offline=True)
    simulator.cluster.enabled_disk_templates.remove("plain")
    said = done(simulator, "POST", "/2/instances/db/recreate-disks", {"nodes": ["node4"]})
    instance = simulator.cluster.instance("db")
    assert said.startswith("Disk template 'plain' is not enabled in cluster.")
    assert (instance.primary, instance.has_disks) == ("node4.example.com", False)


def test_hail_places_nothing_anew_in_an_unallocable_group(simulator: Simulator) -> None:
    done(simulator, "PUT", "/2/instances/db/shutdown", {})
    simulator.cluster.groups["default"].alloc_policy = "unallocable"
    done(simulator, "POST", "/2/instances/db/recreate-disks", {"iallocator": "hail"})
    assert simulator.cluster.node(simulator.cluster.instance("db").primary).group == "rack2"
