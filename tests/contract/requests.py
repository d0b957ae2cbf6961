# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sentences about single requests: reads, queries, and everything that is refused before there is a job."""

from __future__ import annotations

from contract.sentence import DOMAIN, Ask, Part, Phase, Sentence, full, query, sentence

FAILOVER = "/2/instances/nosuch/failover"


def refused(name: str, body: object, method: str = "PUT", target: str = FAILOVER) -> Sentence:
    """Return a sentence about a body that is refused."""
    return sentence(name, Ask(method, target, body))


def asked(name: str, *parts: tuple[str, list[str], object]) -> Sentence:
    """Return a sentence about queries: kind, fields, filter."""
    return sentence(name, *(query(*part) for part in parts))


WHO = [
    sentence("without a user: 401, even where there is nothing", Ask("GET", "/2/info", user="nobody")),
    sentence("an unknown path without a user: 401", Ask("GET", "/2/nosuch", user="nobody")),
    sentence("a wrong password: 401", Ask("GET", "/version", user="wrong")),
    sentence("a reader may read", Ask("GET", "/2/tags", user="read")),
    sentence("a reader may query with PUT", Ask("PUT", "/2/query/group", {"fields": ["name"]}, "read")),
    sentence("a reader may not write: 403", Ask("PUT", "/2/tags?tag=x", user="read")),
    sentence("a reader may not cancel: 403", Ask("DELETE", "/2/jobs/1", user="read")),
    sentence("a reader's bad body: 403 comes first", Ask("PUT", FAILOVER, b"{bad", "read")),
    sentence("a reader on an unknown path: 404", Ask("PUT", "/2/nosuch", user="read")),
]
WHERE = [
    sentence("the version", Ask("GET", "/version")),
    sentence("the root of version 2", Ask("GET", "/2")),
    sentence("a slash too many: 404", Ask("GET", "/2/")),
    sentence("an unknown path: 404", Ask("GET", "/nosuch")),
    sentence("a job id that is no number: 404", Ask("GET", "/2/jobs/abc")),
    sentence("a method that does not fit: 501", Ask("POST", FAILOVER), Ask("DELETE", "/2/info")),
    sentence("HEAD: 501", Ask("HEAD", "/2/info")),
    sentence("PATCH: 501", Ask("PATCH", "/2/info")),
    sentence("an unknown method on an unknown path: 404", Ask("PATCH", "/nosuch")),
]
BODIES = [
    refused("a body that is no JSON: 400", b"{bad"),
    refused("a list for a body: 400", [1]),
    refused("an unknown parameter: 400", {"zork": 1}),
    refused("a parameter of a wrong type: 400", {"ignore_consistency": "yes"}),
    refused("reason in the body: 400", {"reason": "x"}),
    refused("the instance's name in the body: 400", {"instance_name": "x"}),
    refused("depends that is no list: 400", {"depends": "x"}),
    refused("depends without states: 400", {"depends": [[1]]}),
    refused("depends on a state that is not final: 400", {"depends": [[1, ["running"]]]}),
    refused("a priority in words: 400", {"priority": "high"}),
    refused("a priority between the steps: 400", {"priority": 5}),
    refused("replace-disks without a mode: 400", {}, "POST", "/2/instances/nosuch/replace-disks"),
    refused("replace-disks without a body: 400", None, "POST", "/2/instances/nosuch/replace-disks"),
    refused("an unknown mode: 400", {"mode": "zork"}, "POST", "/2/instances/nosuch/replace-disks"),
    refused("nodes that are no list: 400", {"nodes": "x"}, "POST", "/2/instances/nosuch/recreate-disks"),
    refused("reinstall with query and body: 400", {"start": True}, "POST", "/2/instances/nosuch/reinstall?reason=x"),
    refused("modify with an unknown parameter: 400", {"online": True}, target="/2/instances/nosuch/modify"),
    refused("an unknown role: 400", "zork", target="/2/nodes/nosuch/role"),
    refused("a role that is no string: 400", {"a": 1}, target="/2/nodes/nosuch/role"),
    refused("no role: 400", None, target="/2/nodes/nosuch/role"),
    refused("a tag's body with bad depends: 400", {"depends": "x"}, target="/2/tags?tag=x"),
    sentence("dry-run that is no number: 400", Ask("PUT", "/2/tags?tag=x&dry-run=x")),
    sentence(
        "a content type with a charset: 415",
        Ask("PUT", FAILOVER, {}, content_type="application/json; charset=utf-8"),
    ),
    sentence("no content type: 415", Ask("PUT", FAILOVER, {}, content_type="")),
    sentence("a dependency before the first job: 500", Ask("PUT", "/2/tags?tag=x", {"depends": [[-100000, []]]})),
]
INFO = ("name", "master", "enabled_disk_templates", "ipolicy")
LISTS = [
    sentence("lists", Ask("GET", "/2/nodes"), Ask("GET", "/2/instances"), Ask("GET", "/2/groups")),
    sentence(
        "tags of an unknown object: 500, not 404",
        *(Ask("GET", f"/2/{kind}/nosuch/tags") for kind in ("instances", "groups", "nodes")),
    ),
    sentence("tags, by the short name too", Ask("GET", "/2/instances/plain/tags"), Ask("GET", "/2/groups/rack2/tags")),
    sentence("the cluster's disk templates and policy", Part(Ask("GET", "/2/info"), INFO)),
    sentence("a job that is not there: 200 and nulls", Ask("GET", "/2/jobs/999999")),
    sentence("to cancel a job that is not there", Ask("DELETE", "/2/jobs/999999")),
    sentence("a node's role", Ask("GET", f"/2/nodes/{full('node1')}/role")),
]
NAME, ID = ["name"], ["id", "status"]
CONFIG = [
    *("name", "uuid", "pnode", "snodes", "disk_template", "admin_state", "tags", "pnode.group", "snodes.group"),
    *("be/always_failover", "be/memory", "disk.sizes", "disk.count", "disk_usage", "os", "hypervisor"),
]
QUERIES = [
    sentence(
        "fields by GET, twice and empty",
        Ask("GET", "/2/query/node?fields=name,name,,role"),
        Ask("GET", "/2/query/node?fields=name&fields=role"),
    ),
    sentence("no fields: 400", Ask("GET", "/2/query/node"), Ask("GET", "/2/query/node?fields=")),
    sentence("PUT without fields: 400", Ask("PUT", "/2/query/node", {}), Ask("PUT", "/2/query/node")),
    sentence("fields that are no list: 502", Ask("PUT", "/2/query/node", {"fields": "name"})),
    sentence(
        "the filter's old name",
        Ask("PUT", "/2/query/node", {"fields": NAME, "filter": ["=", "name", full("node1")]}),
    ),
    asked("an unknown field: status 1", ("node", ["name", "zork", "sptype"], None)),
    sentence("an unknown kind: 502", Ask("GET", "/2/query/zork?fields=name")),
    sentence("kinds that are not answered: 500", *(Ask("GET", f"/2/query/{k}?fields=name") for k in ("os", "cluster"))),
    asked("configuration of instances", ("instance", CONFIG, None)),
    asked("live fields of instances", ("instance", ["name", "status", "oper_state", "oper_ram", "oper_vcpus"], None)),
    asked(
        "configuration of nodes",
        (
            "node",
            [
                *("name", "uuid", "offline", "drained", "role", "group", "vm_capable", "master", "master_candidate"),
                *("powered", "pinst_cnt", "sinst_cnt", "pinst_list", "sinst_list", "tags", "master_capable"),
                *("ctime", "mtime"),
            ],
            None,
        ),
    ),
    asked(
        "live fields of nodes",
        ("node", ["name", "mtotal", "mnode", "mfree", "dtotal", "dfree", "ctotal", "sptotal", "spfree"], None),
    ),
    asked(
        "groups",
        ("group", ["name", "uuid", "alloc_policy", "ipolicy", "node_cnt", "pinst_cnt", "pinst_list", "tags"], None),
    ),
    asked(
        "filters that name",
        ("instance", NAME, ["=", "name", full("plain")]),
        ("instance", NAME, ["=", "name", "plain"]),
        ("instance", NAME, ["|", ["=", "name", "plain"], ["=", "name", "alive"]]),
        ("group", NAME, ["=", "name", "rack2"]),
    ),
    asked(
        "an unknown name: 500 alone, nothing among other conditions",
        ("instance", NAME, ["=", "name", "nosuch"]),
        ("node", NAME, ["=", "name", "nosuch"]),
        ("group", NAME, ["=", "name", "nosuch"]),
        ("instance", NAME, ["|", ["=", "name", "plain"], ["=", "name", "nosuch"]]),
        ("instance", NAME, ["&", ["=", "name", "nosuch"], ["=", "status", "x"]]),
        ("instance", NAME, ["!=", "name", "nosuch"]),
    ),
    asked(
        "filters that compare",
        ("instance", NAME, ["=", "pnode", "node1"]),
        ("instance", NAME, ["=[]", "snodes", full("node2")]),
        ("instance", NAME, ["=", "disk_template", "rbd"]),
        ("instance", NAME, [">", "name", f"shared.{DOMAIN}"]),
        ("instance", NAME, ["=~", "name", "^gone"]),
        ("instance", NAME, ["&", ["=", "admin_state", "down"], ["!", ["=", "pnode.group", "rack2"]]]),
        ("node", NAME, ["!", ["?", "offline"]]),
        ("node", NAME, [">=", "mfree", 1]),
        ("node", NAME, ["|"]),
        ("node", NAME, ["&"]),
    ),
    asked(
        "filters let through what there is no value of",
        ("node", NAME, ["?", "powered"]),
        ("node", NAME, ["!", ["?", "powered"]]),
        ("node", NAME, ["&", ["=", "name", "node1"], ["=", "powered", "x"]]),
        ("instance", NAME, [">", "oper_ram", 1000000]),
    ),
    asked(
        "filters that can't compare: 500",
        ("instance", NAME, ["?", "admin_state"]),
        ("instance", NAME, ["=", "name", 3]),
        ("instance", NAME, ["=[]", "admin_state", "x"]),
        ("instance", NAME, ["=~", "disk.count", "x"]),
        ("node", NAME, ["=", "zork", 1]),
    ),
    asked(
        "filters that can't be read: 502",
        *(("node", NAME, bad) for bad in (["zork"], [], "x", ["=", "name"], ["=", "offline", True], ["|", "x"])),
        ("node", NAME, ["=", "name", [1]]),
        ("node", NAME, ["!", ["=", "name", "a"], ["=", "name", "b"]]),
    ),
    asked(
        "jobs by their ids, unknown ones too",
        ("job", ID, ["|", ["=", "id", 999998], ["=", "id", 999999]]),
        ("job", ["id", "status", "zork"], ["=", "id", 999999]),
        ("job", ID, ["&", ["=", "id", 999999], ["=", "status", "x"]]),
        ("job", ID, ["=[]", "tags", "x"]),
    ),
]
PHASES = [Phase((*WHO, *WHERE, *BODIES, *LISTS, *QUERIES))]
