# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read: one consistent look, with the same few requests whatever the size, and what becomes of nonsense (law 6)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    UNKNOWN,
    cluster,
    drbd,
    ended,
    job,
    node,
    pending,
    plain,
    rbd,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadAnswer, Unreachable
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import make_draft
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster
from unbraked import unbraked


@dataclass
class Scripted:
    """A Client that gives tables as they stand; `changes` replaces cells: (resource, name, field) to cell."""

    one: FakeClient
    changes: dict[tuple[str, object, str], object] = field(default_factory=dict)
    jobs: list[dict[str, Any]] = field(default_factory=list)
    info: object = None
    asked: list[tuple[str, object]] = field(default_factory=list)

    def cluster_info(self):
        return self.one.cluster_info() if self.info is None else self.info

    def query(self, resource, fields, qfilter=None, seconds=None):
        self.asked.append((resource, qfilter))
        key = "id" if resource == "job" else "name"
        names = [row[0][1] for row in self.one.query(resource, (key,), None)]
        rows = [dict(zip(fields, row, strict=True)) for row in self.one.query(resource, fields, None)]
        for name, row in zip(names, rows, strict=True):
            row.update({at: cell for (kind, who, at), cell in self.changes.items() if (kind, who) == (resource, name)})
        table = [tuple(row[at] for at in fields) for row in rows]
        return table + [tuple((0, one.get(at)) for at in fields) for one in self.jobs if resource == "job"]


def read_of(one, **more):
    client: Any = Scripted(FakeClient(one), **more)
    return read_cluster(client)


FLEET = cluster(
    drbd("web1", OFFLINE, DRAINED, tag("failover"), always_failover=True, group="rack1"),
    rbd("web2", ONLINE, admin_state="down", group="rack2"),
    group_tags={"rack1": [tag("migrate")]},
    tags=[tag("suspend")],
)


def test_a_cluster_is_read_as_it_stands():
    """Instances, nodes, groups, tags."""
    read = read_of(FLEET)
    assert (read.instances, read.nodes, read.groups) == (FLEET.instances, FLEET.nodes, FLEET.groups)
    assert (read.name, read.master, read.tags) == ("cluster.example.com", "node1", (tag("suspend"),))


def test_instances_come_by_name():
    """Whatever the order of the answer."""
    read = read_of(replace(FLEET, instances=tuple(reversed(FLEET.instances))))
    assert [one.name for one in read.instances] == ["web1", "web2"]


def test_what_the_cluster_says_of_itself():
    """What does not come, or is nonsense, is empty."""
    info = {
        "name": "c",
        "software_version": "3.0.2",
        "uuid": "u",
        "default_iallocator": "hail",
        "master": 7,
        "tags": [],
    }
    read = read_of(FLEET, info=info)
    assert (read.name, read.version, read.uuid, read.default_iallocator) == ("c", "3.0.2", "u", "hail")
    assert (read.master, read.tags, read.queue_drained, read.watcher_paused_until) == ("", (), None, None)


# --- the number and the order of requests ---------------------------------------------------------------------------


def _requests(count, *tags):
    members = [drbd(f"web{number}", OFFLINE, ONLINE, *tags) for number in range(count)]
    client = FakeClient(cluster(*members, jobs=[job(7, "success", "FAILOVER", "web0")]))
    read_cluster(client)
    return client.reads


@pytest.mark.parametrize(
    "tags",
    [(), (pending(jobs="7"),), (pending(jobs="9"),), (ended("failure", jobs="7"),)],
    ids=["no repair", "repairs", "whose jobs are gone", "failed ones"],
)
def test_as_many_requests_for_15_instances_as_for_1000(tags):
    """Six, and one more when a job has left the queue."""
    few, many = _requests(15, *tags), _requests(1000, *tags)
    assert few == many
    assert len(few) == (7 if "9" in "".join(tags).rpartition(":")[2] else 6)


def test_jobs_are_read_before_the_instances_and_after_the_tags():
    """So whatever a job that had ended has done is seen."""
    assert _requests(1) == ["instance", "job", "instance", "node", "group", "info"]


def test_nothing_is_asked_that_waits_for_nodes():
    """Configuration fields only."""
    asked: list[tuple[str, str]] = []

    class Spy(FakeClient):
        def query(self, resource, fields, qfilter=None, seconds=None):
            asked.extend((resource, name) for name in fields)
            return super().query(resource, fields, qfilter)

    read_cluster(Spy(FLEET))
    live = {"status", "oper_state", "oper_ram", "oper_vcpus", "snodes.group"}
    live_of_nodes = {"dfree", "dtotal", "mfree", "mnode", "mtotal", "bootid", "cnodes", "csockets", "ctotal"}
    assert not {name for resource, name in asked if resource == "instance"} & live
    assert not {name for resource, name in asked if resource == "node"} & live_of_nodes


def test_an_unreachable_cluster_is_one_error():
    """It is passed on as it is."""
    with pytest.raises(Unreachable, match="no connection"):
        read_cluster(FakeClient(FLEET, failing={("node", "config"): Unreachable("no connection")}))


# --- which jobs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "wanted"), [(["a", "b:c"], ("a", "b:c")), ([], ()), (None, None), (["a", 5], None), ("ab", None)]
)
def test_the_tags_of_a_node(told, wanted):
    """None where they can't be read."""
    one = cluster(node("a"))
    changes = {("node", "a", "tags"): (0, told)}
    assert read_of(one, changes=changes).nodes["a"].tags == wanted


# --- what is missing ------------------------------------------------------------------------------------------------

BROKEN = cluster(rbd("web1", OFFLINE, tag("reinstall")), rbd("web2", OFFLINE, tag("reinstall")))
FORTHCOMING = [  # what the cluster says of it, what it is then, what is not known
    ("it is one", (0, True), True, ()),
    ("it is none", (0, False), False, ()),
    ("Ganeti is older than forthcoming instances", (1, None), False, ()),
    ("nobody could tell", (2, None), False, ("forthcoming",)),
    ("nothing came", (0, None), False, ("forthcoming",)),
    ("it is nonsense", (0, "yes"), False, ("forthcoming",)),
]


@pytest.mark.parametrize(
    ("cell", "forthcoming", "unread"), [row[1:] for row in FORTHCOMING], ids=[row[0] for row in FORTHCOMING]
)
def test_whether_an_instance_is_forthcoming(cell, forthcoming, unread):
    """What is not known is no reservation, and nothing to repair either."""
    (one, _other) = read_of(BROKEN, changes={("instance", "web1", "forthcoming"): cell}).instances
    assert (one.forthcoming, one.missing_fields) == (forthcoming, unread)


FIELDS = ("uuid", "disk_template", "pnode", "snodes", "admin_state", "tags", "be/always_failover")


@pytest.mark.parametrize("status", [1, 2, 3, 4])
@pytest.mark.parametrize("name", FIELDS)
def test_an_instance_of_which_a_value_is_missing_is_left_alone(name, status):
    """It is named, and the other instance is repaired."""
    read = read_of(BROKEN, changes={("instance", "web1", name): (status, None)})
    assert read.instances[0].missing_fields == (name,)
    plan = make_draft(read, unbraked(), NOW)
    assert [action.kind.value for _case, action in plan.rows] == ["report", "submit"]
    assert f"no usable value for its {name}" in plan.rows[0][1].reason


@pytest.mark.parametrize("name", FIELDS)
def test_a_value_that_is_null_is_missing(name):
    """Whatever its status."""
    assert read_of(BROKEN, changes={("instance", "web1", name): (0, None)}).instances[0].missing_fields == (name,)


@pytest.mark.parametrize("nonsense", ["text", 5, {}, [5], [None], [["x"]]], ids=repr)
@pytest.mark.parametrize("name", ["tags", "snodes"])
def test_lists_that_are_none_are_missing(name, nonsense):
    """A tag that can't be read might be a suspend."""
    assert read_of(BROKEN, changes={("instance", "web1", name): (0, nonsense)}).instances[0].missing_fields == (name,)


@pytest.mark.parametrize("nonsense", [5, {}, [5], "x"], ids=repr)
@pytest.mark.parametrize("name", ["uuid", "disk_template", "pnode", "admin_state"])
def test_nonsense_in_a_text_is_no_permission(name, nonsense):
    """The instance can't be judged, or is judged for what it says; nothing breaks."""
    plan = make_draft(read_of(BROKEN, changes={("instance", "web1", name): (0, nonsense)}), unbraked(), NOW)
    assert name == "uuid" or not plan.rows[0][1].kind.writes


@pytest.mark.parametrize(
    ("name", "nonsense"), [("be/maxmem", "big"), ("be/maxmem", None), ("disk.sizes", [None]), ("disk.sizes", "x")]
)
def test_sizes_that_did_not_come_break_nothing(name, nonsense):
    """They matter only where disks are recreated."""
    one = read_of(BROKEN, changes={("instance", "web1", name): (0, nonsense)}).instances[0]
    assert (one.memory, one.disk_sizes) == ((0, (1024,)) if name == "be/maxmem" else (512, ()))


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, OFFLINE),
        ({"offline": (1, None)}, UNKNOWN),
        ({"drained": (1, None)}, UNKNOWN),
        ({"offline": (0, None)}, UNKNOWN),
        ({"offline": (0, "N")}, UNKNOWN),
        ({"offline": (0, 0)}, UNKNOWN),
        ({"offline": (0, False)}, ONLINE),
        ({"offline": (0, False), "drained": (0, True)}, DRAINED),
        ({"drained": (0, True)}, OFFLINE),
    ],
    ids=["offline", "offline not told", "drained not told", "null", "a text", "a number", "neither", "drained", "both"],
)
def test_the_state_of_a_node(changes, state):
    """Offline before drained; unknown unless both came."""
    changes = {("node", "web1-p", name): cell for name, cell in changes.items()}
    assert read_of(BROKEN, changes=changes).nodes["web1-p"].state is state


@pytest.mark.parametrize(
    ("cell", "wanted"), [((0, True), True), ((0, False), False), ((1, None), False), ((0, "yes"), False)]
)
def test_a_node_may_take_instances_only_if_it_says_so(cell, wanted):
    """Unknown is no."""
    assert read_of(BROKEN, changes={("node", "web1-p", "vm_capable"): cell}).nodes["web1-p"].vm_capable is wanted


def test_a_node_whose_group_did_not_come_lets_nothing_happen():
    """The group's tags may forbid it."""
    one = cluster(rbd("web1", OFFLINE), tags=[tag("reinstall")], group_tags={"default": [tag("suspend")]})
    plan = make_draft(read_of(one, changes={("node", "web1-p", "group"): (1, None)}), unbraked(), NOW)
    assert not plan.rows[0][1].kind.writes


def test_a_node_that_is_missing_makes_its_instances_unknown():
    """And no others."""
    one = replace(BROKEN, nodes={name: node for name, node in BROKEN.nodes.items() if name != "web1-p"})
    plan = make_draft(read_of(one), unbraked(), NOW)
    assert [action.kind.value for _case, action in plan.rows] == ["report", "submit"]


@pytest.mark.parametrize("info", [{}, {"tags": None}, {"tags": "x"}, {"tags": [5]}, {"name": "c"}], ids=str)
def test_without_the_cluster_s_tags_nothing_goes_on(info):
    """Nobody knows what is allowed."""
    with pytest.raises(BadAnswer, match="it has no tags"):
        read_of(FLEET, info=info)


@pytest.mark.parametrize("cell", [(1, None), (0, None), (0, "x"), (0, [5])], ids=str)
def test_without_a_group_s_tags_its_instances_are_left_alone(cell):
    """The same for them; the others go on (law 4)."""
    assert "rack1" not in read_of(FLEET, changes={("group", "rack1", "tags"): cell}).groups


@pytest.mark.parametrize(("kind", "name"), [("instance", "web1"), ("node", "web1-p"), ("group", "rack1")])
@pytest.mark.parametrize("cell", [(1, None), (0, 5)], ids=str)
def test_an_object_without_a_name_stops_the_reading(kind, name, cell):
    """It can't be told from others."""
    with pytest.raises(BadAnswer, match=f"{kind}s: one of them has no name"):
        read_of(FLEET, changes={(kind, name, "name"): cell})


def test_an_empty_cluster_is_read():
    """It is new."""
    read = read_of(cluster())
    assert (read.instances, read.nodes, read.jobs) == ((), {}, {})


def test_local_instances_keep_their_fields():
    """Sizes and memory, for the recreation of their disks."""
    one = plain("web1", OFFLINE, memory=77, disk_sizes=(1, 2))
    assert read_of(cluster(one)).instances == (one.instance,)
