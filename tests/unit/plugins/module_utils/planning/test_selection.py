# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selection: which objects of a cluster a user means."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import NOW, ONLINE, cluster, node, placed

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import (
    Filter,
    cases_of,
    matching,
    objects,
    select,
)


def _instance(name, template="drbd", primary="node1", os="debian+default", tags=()):
    return placed(name, template, ONLINE, primary=f"{primary}.example.com", os=os, tags=tuple(tags))


CLUSTER = cluster(
    node("node1.example.com", group="default"),
    node("node2.example.com", group="Rack2"),
    node("node3.example.com", group="rack2"),
    _instance("web1.example.com", tags=["service:web", "Prod"]),
    _instance("web2.example.com", primary="node2", tags=["service:web"]),
    _instance("web10.example.com", primary="node3", template="plain"),
    _instance("db1.example.com", os="windows", tags=["service:db", "zone.eu"]),
    _instance("db1.rack1.example.com", primary="node2", template="rbd", os="windows"),
    _instance("proxy.web1.example.com", primary="node3", template="diskless", os=""),
    _instance("lost.example.com", primary="node9"),  # its primary is not in the answer
    _instance("a.b"),
    _instance("a.b.example.com"),
    tags=("mine",),
    group_tags={"Rack2": ["of the rack"]},
)
OTHERS = ("a.b", "a.b.example.com", "db1", "web1")  # on node1


def _short(names):
    return {name.removesuffix(".example.com") if name != "a.b.example.com" else name for name in names}


# sentence, limits, the instances that are meant, without their domain
MEANT = [
    ("a full name", {"names": ["web1.example.com"]}, ["web1"]),
    ("a name without its domain", {"names": ["web2"]}, ["web2"]),
    ("a part of the domain", {"names": ["db1.rack1"]}, ["db1.rack1"]),
    ("a name in capitals", {"names": ["WEB2.Example.COM"]}, ["web2"]),
    ("a name that two have, but for the domain", {"names": ["db1"]}, ["db1", "db1.rack1"]),
    ("the very name comes before a longer one", {"names": ["a.b"]}, ["a.b"]),
    ("a glob", {"names": ["web*"]}, ["web1", "web2", "web10"]),
    ("a glob in capitals", {"names": ["WEB?"]}, ["web1", "web2"]),
    ("a glob for the first part does not reach into others", {"names": ["*1"]}, ["db1", "db1.rack1", "web1"]),
    ("a glob over two parts", {"names": ["*.web1"]}, ["proxy.web1"]),
    ("a glob over the whole name", {"names": ["*.rack1.example.com"]}, ["db1.rack1"]),
    ("a set", {"names": ["web[!1]"]}, ["web2"]),
    ("all", {"names": ["*"]}, [*OTHERS, "web2", "web10", "db1.rack1", "proxy.web1", "lost"]),
    ("several names", {"names": ["web1", "db*"]}, ["web1", "db1", "db1.rack1"]),
    ("blanks around names", {"names": [" web1", "db1 "], "tags": [" service:*"]}, ["web1", "db1"]),
    ("a name twice", {"names": ["web1", "web1.example.com", "WEB1"]}, ["web1"]),
    ("a group", {"groups": ["default"]}, list(OTHERS)),
    ("groups whose names differ in case alone", {"groups": ["rack2"]}, ["web10", "proxy.web1"]),
    ("neither of them by its very name", {"groups": ["RACK2"]}, ["web2", "web10", "db1.rack1", "proxy.web1"]),
    ("a glob of groups", {"groups": ["r*2"]}, ["web2", "web10", "db1.rack1", "proxy.web1"]),
    ("a node, which is the primary", {"nodes": ["node2"]}, ["web2", "db1.rack1"]),
    ("nodes", {"nodes": ["node[23]"]}, ["web2", "db1.rack1", "web10", "proxy.web1"]),
    ("a disk template", {"disk_templates": ["plain"]}, ["web10"]),
    ("disk templates", {"disk_templates": ["RBD", "dis*"]}, ["db1.rack1", "proxy.web1"]),
    ("an operating system", {"os": ["windows"]}, ["db1", "db1.rack1"]),
    ("one in all its variants", {"os": ["debian+*"], "groups": ["rack2"]}, ["web10"]),
    ("a tag", {"tags": ["service:db"]}, ["db1"]),
    ("one of several tags", {"tags": ["service:db", "prod"]}, ["db1", "web1"]),
    ("a glob of tags", {"tags": ["service:*"]}, ["db1", "web1", "web2"]),
    (
        "all together",
        {
            "names": ["web*"],
            "groups": ["default", "Rack2"],
            "nodes": ["node1", "node2"],
            "disk_templates": ["drbd"],
            "os": ["debian*"],
            "tags": ["prod"],
        },
        ["web1"],
    ),
]

NONE = [
    ("a name that nobody has", {"names": ["wbe1"]}, "names: nothing in the cluster is called wbe1"),
    ("one of several", {"names": ["web1", "wbe2"]}, "names: nothing in the cluster is called wbe2"),
    ("a glob that matches nothing", {"names": ["mail*"]}, "names: nothing in the cluster is called mail*"),
    ("the middle of a name", {"names": ["rack1"]}, "names: nothing in the cluster is called rack1"),
    ("the beginning of a name", {"names": ["web"]}, "names: nothing in the cluster is called web;"),
    ("a domain that is another", {"names": ["web1.example.org"]}, "nothing in the cluster is called web1.example.org"),
    ("an empty name", {"names": [""]}, "names: an empty name was given"),
    ("an empty group", {"names": ["*"], "groups": [""]}, "groups: an empty name was given"),
    ("a blank", {"names": ["web1", " "]}, "names: an empty name was given"),
    ("what is no pattern", {"names": ["web[1"]}, "nothing in the cluster is called web[1"),
    ("a group that is not there", {"groups": ["rack9"]}, "groups: nothing in the cluster is called rack9"),
    ("a node that is not there", {"nodes": ["node9"]}, "nodes: nothing in the cluster is called node9"),
    ("a disk template that none has", {"disk_templates": ["file"]}, "matches disk_templates file;"),
    ("the beginning of an operating system", {"os": ["debian"]}, "matches os debian;"),
    ("the beginning of a tag", {"tags": ["service"]}, "matches tags service;"),
    ("a tag as if it had a domain", {"tags": ["zone"]}, "matches tags zone;"),
    ("no operating system", {"os": [""], "names": ["web1"]}, "matches names web1 and os ;"),
    (
        "each fits some, but no one fits all",
        {"names": ["web1"], "nodes": ["node2", "node3"], "tags": ["x"]},
        "no instance of the cluster matches names web1 and nodes node2, node3 and tags x;",
    ),
]


def _filter(limits):
    return Filter(**{name: tuple(value) for name, value in limits.items()})


def _table(rows, *names):
    return pytest.mark.parametrize(names, [row[1:] for row in rows], ids=[row[0] for row in rows])


@_table(MEANT, "limits", "wanted")
def test_the_instances_that_are_meant(limits, wanted):
    """All limits have to fit, each by one of its globs; in the cluster's order."""
    found = [one.name for one in select(CLUSTER, _filter(limits))]
    assert _short(found) == set(wanted)
    assert found == sorted(set(found))


@_table(NONE, "limits", "words")
def test_where_none_is_meant(limits, words):
    """One sentence that names the option; a slip in one name does not pass for the others."""
    with pytest.raises(BadOption) as caught:
        select(CLUSTER, _filter(limits))
    assert words in str(caught.value)
    assert str(caught.value).endswith("; nothing was done")


def test_names_by_another_option():
    """The sentence names the option that the user knows."""
    with pytest.raises(BadOption, match=r"^instances: nothing in the cluster is called wbe1"):
        cases_of(CLUSTER, Filter(names=("wbe1",)), NOW)
    with pytest.raises(BadOption, match=r"matches instances web1 and tags x;"):
        cases_of(CLUSTER, Filter(names=("web1",), tags=("x",)), NOW)
    with pytest.raises(BadOption, match=r"^instances is empty; for all of them give '\*'; nothing was done$"):
        cases_of(CLUSTER, Filter(), NOW)
    assert [case.instance.name for case in cases_of(CLUSTER, Filter(names=("web2",)), NOW)] == ["web2.example.com"]


# sentence, kind of object, limits, the objects
KINDS = [
    ("the cluster", "cluster", {}, [("cluster", "", ("mine",))]),
    ("a group", "group", {"names": ["Rack2"]}, [("group", "Rack2", ("of the rack",))]),
    (
        "all groups",
        "group",
        {"names": ["*"]},
        [("group", "Rack2", ("of the rack",)), ("group", "default", ()), ("group", "rack2", ())],
    ),
    ("an instance", "instance", {"names": ["web2"]}, [("instance", "web2.example.com", ("service:web",))]),
    ("instances by what they have", "instance", {"os": ["debian+*"], "tags": ["prod"]}, None),
]
WRONG = [
    (
        "the cluster by names",
        "cluster",
        {"names": ["*"]},
        "names is given, but object is cluster, and there is only one",
    ),
    ("the cluster by another limit", "cluster", {"tags": ["x"]}, "tags is given, but object is cluster"),
    ("a group without names", "group", {}, "object is group, but names is empty; for all of them give '*'"),
    ("an instance without anything", "instance", {}, "object is instance, but names is empty"),
    ("a group by its group", "group", {"groups": ["rack2"]}, "groups is for object: instance, but object is group"),
    (
        "a group by what instances have",
        "group",
        {"names": ["*"], "disk_templates": ["drbd"]},
        "disk_templates is for object: instance, but object is group",
    ),
    ("an instance for a group", "group", {"names": ["web1"]}, "names: nothing in the cluster is called web1"),
    ("a group for an instance", "instance", {"names": ["rack2"]}, "names: nothing in the cluster is called rack2"),
]


@_table(KINDS, "scope", "limits", "wanted")
def test_objects_of_each_kind(scope, limits, wanted):
    """Each with its tags."""
    found = objects(CLUSTER, scope, _filter(limits))
    assert list(found) == (wanted or [("instance", "web1.example.com", ("service:web", "Prod"))])


@_table(WRONG, "scope", "limits", "words")
def test_the_wrong_limits_for_a_kind(scope, limits, words):
    """Nobody's slip reaches more than what was meant."""
    with pytest.raises(BadOption) as caught:
        objects(CLUSTER, scope, _filter(limits))
    assert words in str(caught.value)
    assert str(caught.value).endswith("nothing was done")


def test_no_pattern_is_no_limit():
    """Of names that a round is limited to."""
    assert matching("instances", [], ["a", "b"]) == {"a", "b"}
