# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sentences about LUXI: what is read and refused over it, and jobs of several opcodes."""

from __future__ import annotations

from typing import Any

from contract.sentence import JOB, Call, Part, Phase, Raw, Sentence, call, full, job, jobs, look, op, sentence, tags

END = b"\x03"
HERE = b'{"method":"QueryTags","args":["nodegroup","rack2"]}' + END
NEW = {"mode": "replace_new_secondary"}
INSTANCE = [
    *("name", "uuid", "disk_template", "pnode", "snodes", "admin_state", "tags", "be/always_failover", "be/maxmem"),
    "disk.sizes",
]
NODE = ["name", "group", "offline", "drained", "vm_capable", "powered", "mtime"]
INFO = [
    *("name", "master", "tags", "software_version", "protocol_version", "config_version", "os_api_version"),
    *("default_iallocator", "default_hypervisor", "candidate_pool_size", "max_running_jobs"),
    *("enabled_disk_templates", "ipolicy"),
]
OPS = ["id", "status", "summary", "opstatus", "opresult", "ops", "end_ts"]
UNFINISHED = [["=", "status", status] for status in ("queued", "waiting", "canceling", "running")]
INSTANCE_OPS = ("FAILOVER", "MIGRATE", "RECREATE_DISKS", "SHUTDOWN", "REINSTALL", "STARTUP", "SET_PARAMS")


def refused(name: str, *ops: object) -> Sentence:
    """Return a sentence about opcodes, each in a job of its own, that are refused."""
    return sentence(name, *(call("SubmitJob", [one]) for one in ops))


def said(name: str, *messages: bytes) -> Sentence:
    """Return a sentence about messages, each followed on its connection by one that would be answered."""
    return sentence(name, *(Raw(one + END + HERE) for one in messages))


def changed(op_: dict[str, Any], **parameters: Any) -> dict[str, Any]:
    """Return an opcode with other parameters."""
    return {**op_, **parameters}


def asked(*parts: tuple[Any, ...]) -> tuple[Call, ...]:
    """Return queries: kind, fields, filter."""
    return tuple(call("Query", *part) for part in parts)


READS = [
    sentence("over LUXI: the cluster", Part(call("QueryClusterInfo"), tuple(INFO))),
    sentence(
        "over LUXI: values of the configuration, null for unknown names",
        call("QueryConfigValues", ["cluster_name", "master_node", "drain_flag", "watcher_pause"]),
        call("QueryConfigValues", ["volume_group_name", "zork", "cluster_name"]),
        call("QueryConfigValues", []),
    ),
    sentence("over LUXI: instances", *asked(("instance", INSTANCE, None), ("instance", ["name", "tags"], None))),
    sentence("over LUXI: nodes", *asked(("node", NODE, None))),
    sentence("over LUXI: groups", *asked(("group", ["name", "tags", "alloc_policy", "ipolicy"], None))),
    sentence(
        "over LUXI: jobs by id, status and summary",
        *asked(
            ("job", OPS, ["|", ["=", "id", 999998], ["=", "id", 999999]]),
            ("job", OPS, ["|", *UNFINISHED]),
            ("job", [*OPS, "archived"], ["|", *UNFINISHED, ["=", "id", 999999]]),
            ("job", OPS, ["|", *UNFINISHED, ["=[]", "summary", "INSTANCE_FAILOVER(nosuch.example.com)"]]),
        ),
    ),
    sentence(
        "over LUXI: names, fields and kinds that are not there",
        *asked(
            *((kind, ["name"], ["=", "name", "nosuch"]) for kind in ("instance", "node", "group")),
            ("node", ["name", "zork"], None),
            ("node", [], None),
            ("node", ["name"], ["=", "zork", 1]),
            ("os", ["name"], None),
            ("cluster", ["name"], None),
        ),
    ),
    sentence(
        "over LUXI: filters that can't compare",
        *asked(
            ("instance", ["name"], ["?", "admin_state"]),
            ("instance", ["name"], ["=", "name", 3]),
            ("instance", ["name"], ["=[]", "admin_state", "x"]),
            ("instance", ["name"], ["=~", "disk.count", "x"]),
        ),
    ),
    sentence(
        "over LUXI: queries that can't be read",
        *asked(
            ("zork", ["name"], None),
            (1, ["name"], None),
            ("node", "name", None),
            ("node", [1], None),
            ("node", ["name"]),
            ("node", ["name"], []),
            ("node", ["name"], ["zork"]),
            ("node", ["name"], ["=", "offline", True]),
        ),
    ),
    sentence(
        "over LUXI: tags, by the short name too; the cluster's name does not matter",
        *(call("QueryTags", *of) for of in (("cluster", ""), ("cluster", "x"), ("instance", "plain"))),
        *(call("QueryTags", *of) for of in (("node", "node1"), ("nodegroup", "rack2"))),
        *(call("QueryTags", kind, "nosuch") for kind in ("instance", "node", "nodegroup", "network")),
    ),
    sentence(
        "over LUXI: tags of what can't be read",
        *(call("QueryTags", *of) for of in (("zork", "x"), ("cluster", None), ("cluster",), ("instance", 3))),
    ),
    sentence(
        "over LUXI: to cancel a job that is not there, or has no number",
        *(call("CancelJob", *of) for of in ((999999, False), (999999,), ("999999", False), ("x", False))),
        *(call("CancelJob", *of) for of in ((), (-1, False))),
    ),
    sentence(
        "over LUXI: the watcher's pause, while it lasts",
        *(
            step
            for until in (2100000000, 2100000000.5, 1000000000, None, 2100000000, "x", True, 0)
            for step in (call("SetWatcherPause", until), call("QueryConfigValues", ["watcher_pause"]))
        ),
        call("SetWatcherPause"),
    ),
]
MESSAGES = [
    said(
        "no JSON: refused in words, and the end of the connection", b"hello", b"", b' {"method":"x","args":[]}', b"[1]"
    ),
    said(
        "no method, or none that there is, or no arguments: the end of the connection",
        b'{"args":[]}',
        b'{"method":"QueryClusterInfo"}',
        b'{"method":1,"args":[]}',
        b'{"method":"Zork","args":[]}',
    ),
    said(
        "arguments that can't be read: the end of the connection",
        b'{"method":"QueryTags","args":["zork","x"]}',
        b'{"method":"SubmitJob","args":[[{"OP_ID":"OP_ZORK"}]]}',
        b'{"method":"SubmitJob","args":[{}]}',
        b'{"method":"SubmitJob","args":[]}',
        b'{"method":"SubmitManyJobs","args":[[1]]}',
        b'{"method":"SubmitManyJobs","args":[]}',
        b'{"method":"QueryConfigValues","args":["cluster_name"]}',
        b'{"method":"QueryConfigValues","args":[]}',
        b'{"method":"SetDrainFlag","args":["x"]}',
        b'{"method":"SetDrainFlag","args":[]}',
    ),
    said(
        "what is refused with a class is not the end of the connection",
        b'{"method":"QueryTags","args":["instance","nosuch"]}',
        b'{"method":"Query","args":["node",["name"],["=","zork",1]]}',
    ),
    said(
        "neither a version nor other keys matter",
        HERE.removesuffix(END),
        b'{"method":"QueryTags","args":["nodegroup","rack2"],"version":1,"zork":2}',
    ),
]
SET, FAILOVER = tags("TAGS_SET", "", "x"), op("INSTANCE_FAILOVER", "nosuch")
REPLACE = op("INSTANCE_REPLACE_DISKS", "nosuch", **NEW)
OPCODES = [
    refused(
        "an opcode without reason, without a name, with an unknown one, or that is none",
        {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "tags": ["x"]},
        {"reason": []},
        {"OP_ID": "OP_ZORK"},
        op("ZORK"),
        {"OP_ID": 3, "reason": []},
        1,
        [],
    ),
    refused(
        "opcodes without what they need",
        op("TAGS_SET", name=None, tags=[]),
        op("TAGS_SET", kind="cluster"),
        op("TAGS_DEL", kind="cluster"),
        *(op(f"INSTANCE_{name}") for name in INSTANCE_OPS),
        op("INSTANCE_REPLACE_DISKS", disks=[]),
        op("INSTANCE_REPLACE_DISKS", "nosuch", iallocator="hail"),
        op("NODE_SET_PARAMS"),
    ),
    refused(
        "tags of a wrong type",
        *(changed(SET, kind=kind) for kind in ("zork", 1, None)),
        *(changed(SET, tags=wrong) for wrong in ("x", [1], None)),
        changed(SET, name=3),
    ),
    refused(
        "parameters of a wrong type",
        *(changed(FAILOVER, instance_name=wrong) for wrong in (3, None)),
        changed(FAILOVER, ignore_consistency="yes"),
        *(changed(FAILOVER, iallocator=wrong) for wrong in (3, "")),
        op("INSTANCE_MIGRATE", "nosuch", mode="zork"),
        *(changed(REPLACE, **wrong) for wrong in ({"mode": "zork"}, {"disks": "x"})),
        *(op("INSTANCE_RECREATE_DISKS", "nosuch", nodes=wrong) for wrong in ("x", [1])),
        *(op("INSTANCE_SHUTDOWN", "nosuch", timeout=wrong) for wrong in ("x", -1)),
        op("INSTANCE_SET_PARAMS", "nosuch", offline="yes"),
        op("INSTANCE_SET_PARAMS", "nosuch", beparams=[]),
    ),
    refused(
        "a bad priority, comment, reason or dependency",
        *(changed(SET, priority=wrong) for wrong in (5, "high")),
        changed(SET, comment=3),
        *(changed(SET, reason=wrong) for wrong in ("x", None, ["x"], [["a", "b"]], [["a", 1, 1]], [["a", "b", "c"]])),
        *(changed(SET, depends=wrong) for wrong in ("x", [[1]], [[1, ["running"]]], [["x", ["success"]]], [[1, "x"]])),
        changed(SET, depends=[[-100000, ["success"]]]),
    ),
    refused("an unknown parameter", changed(SET, zork=1), changed(FAILOVER, tags=[]), op("TAGS_SET", zork=1)),
    sentence(
        "one bad job of several: none is taken",
        call("SubmitManyJobs", [[SET], [op("ZORK")]]),
        call("QueryTags", "cluster", ""),
    ),
]
JOBS = [
    sentence(
        "over LUXI: an unknown instance fails the job",
        jobs(
            *(job(op(f"INSTANCE_{name}", "nosuch")) for name in INSTANCE_OPS[:-1]),
            job(op("INSTANCE_SET_PARAMS", "nosuch", offline=True)),
            job(changed(REPLACE, iallocator="hail")),
            job(tags("TAGS_SET", "nosuch", "x"), tags("TAGS_DEL", "nosuch", "x")),
            job(changed(FAILOVER, instance_name="")),
        ),
    ),
    sentence(
        "over LUXI: what may be left out, or null",
        jobs(
            job(op("INSTANCE_SET_PARAMS", "nosuch")),
            job(op("INSTANCE_REPLACE_DISKS", "nosuch", mode="replace_new_secondary")),
            job(changed(FAILOVER, ignore_consistency=None, target_node=None)),
            job(op("INSTANCE_RECREATE_DISKS", "nosuch", nodes=None, disks=None)),
            job(op("INSTANCE_MIGRATE", "nosuch", mode=None, live=None, iallocator="hail")),
        ),
    ),
    sentence(
        "over LUXI: tags without a name",
        jobs(
            job(op("TAGS_SET", kind="instance", tags=["x"])),
            job(op("TAGS_SET", kind="nodegroup", tags=["x"])),
            job(op("TAGS_SET", kind="instance", name="", tags=["x"])),
            job(op("TAGS_SET", kind="cluster", name="zork", tags=["named"])),
            job(op("TAGS_SET", kind="cluster", name=None, tags=["nameless"])),
        ),
    ),
    sentence(
        "over LUXI: tags of a group, an instance and the cluster in one job",
        jobs(
            job(
                tags("TAGS_SET", "", "one:x"),
                op("TAGS_SET", kind="nodegroup", name="rack2", tags=["one:x"]),
                tags("TAGS_SET", "reborn", "one:x", "one:y"),
                tags("TAGS_DEL", "", "one:x"),
                op("TAGS_DEL", kind="nodegroup", name="rack2", tags=["one:x"]),
                tags("TAGS_DEL", "reborn", "one:y"),
            )
        ),
        look("reborn"),
    ),
    sentence(
        "an opcode fails: those before it are done, those after it never run",
        jobs(job(tags("TAGS_SET", "", "two"), tags("TAGS_DEL", "", "never"), tags("TAGS_SET", "", "three"))),
        call("QueryTags", "cluster", ""),
    ),
    sentence(
        "the reasons of each opcode, with priority and comment",
        jobs(
            job(
                op("TAGS_SET", kind="cluster", tags=["why"], reason=[["gnt:user", "because", 1]], comment="hello"),
                op("TAGS_DEL", kind="cluster", tags=["why"], reason=[["a", "b", 1], ["c", "", 2]], priority=-10),
            ),
            job(changed(SET, dry_run=True, debug_level=1, depends=[])),
        ),
    ),
    sentence(
        "any opcode may depend on a job",
        jobs(
            job(tags("TAGS_DEL", "", "never")),
            job(changed(SET, depends=[[JOB[0], ["success"]]]), SET),
            job(SET, changed(SET, depends=[[JOB[0], ["success"]]]), SET),
            job(SET, changed(SET, depends=[[JOB[0], ["error"]]]), SET),
            job(SET, changed(SET, depends=[[999999, ["success"]]])),
        ),
    ),
    sentence(
        "a pending tag and the failover in one job, and a tag for its result",
        jobs(job(tags("TAGS_SET", "failsover", "pending"), op("INSTANCE_FAILOVER", "failsover"))),
        look("failsover"),
        jobs(job(tags("TAGS_SET", "failsover", "result"), tags("TAGS_DEL", "failsover", "pending"))),
        look("failsover"),
        jobs(job(op("INSTANCE_MIGRATE", "failsover"), tags("TAGS_DEL", "failsover", "result"))),
        look("failsover"),
    ),
    sentence(
        "a repair that is refused leaves the tag before it, and not the one after it",
        jobs(
            job(
                tags("TAGS_SET", "reborn", "pending"),
                op("INSTANCE_RECREATE_DISKS", "reborn", nodes=["node2"]),
                op("INSTANCE_SHUTDOWN", "reborn"),
                op("INSTANCE_REINSTALL", "reborn"),
                op("INSTANCE_STARTUP", "reborn"),
            ),
            job(
                tags("TAGS_SET", "squeezed", "pending"),
                op("INSTANCE_FAILOVER", "squeezed", iallocator="hail"),
                tags("TAGS_DEL", "squeezed", "pending"),
            ),
        ),
        look("reborn", "squeezed"),
    ),
    sentence(
        "over LUXI: an instance that is marked offline, and down again",
        jobs(
            job(tags("TAGS_SET", "rbddown", "pending"), op("INSTANCE_SET_PARAMS", "rbddown", offline=True)),
            job(op("INSTANCE_SET_PARAMS", "plain", offline=True)),
        ),
        look("rbddown"),
        jobs(job(op("INSTANCE_SET_PARAMS", "rbddown", offline=False), tags("TAGS_DEL", "rbddown", "pending"))),
        look("rbddown"),
    ),
    sentence(
        "over LUXI: shared disks move by an iallocator",
        jobs(job(op("INSTANCE_MIGRATE", "rbd", iallocator="hail"))),
        jobs(job(op("INSTANCE_FAILOVER", "rbd", iallocator="hail"))),
        look("rbd"),
    ),
    sentence(
        "over LUXI: a new secondary by hail",
        jobs(job(tags("TAGS_SET", "locked", "p"), op("INSTANCE_REPLACE_DISKS", "locked", **NEW, iallocator="hail"))),
        look("locked"),
    ),
]
ALONE = [
    sentence(
        "several jobs at once, each depending on the one before",
        jobs(
            call(
                "SubmitManyJobs",
                [
                    [SET],
                    [changed(SET, depends=[[-1, ["success"]]])],
                    [tags("TAGS_DEL", "", "never"), changed(SET, depends=[[-2, ["success"]]])],
                    [changed(SET, depends=[[-1, ["success"]]])],
                    [changed(SET, depends=[[-2, ["error"]]])],
                ],
            )
        ),
    ),
    sentence("no jobs, and a job without opcodes", call("SubmitManyJobs", []), jobs(job())),
    sentence(
        "over LUXI: a drained queue refuses jobs, and nothing else",
        call("SetDrainFlag", True),
        call("QueryConfigValues", ["drain_flag"]),
        call("SubmitJob", [SET]),
        call("SubmitManyJobs", [[SET], [SET]]),
        call("SubmitJob", [op("ZORK")]),
        call("CancelJob", 999999, False),
        call("SetDrainFlag", False),
        call("QueryConfigValues", ["drain_flag"]),
    ),
]
REQUESTS = [Phase((*READS, *MESSAGES, *OPCODES))]
OFFLINE = [
    sentence(
        "from an offline node: a pending tag and the failover in one job",
        jobs(job(tags("TAGS_SET", "dead1", "p"), op("INSTANCE_MIGRATE", "dead1"), tags("TAGS_DEL", "dead1", "p"))),
        look("dead1"),
        jobs(job(tags("TAGS_SET", "dead1", "q"), op("INSTANCE_FAILOVER", "dead1"), tags("TAGS_DEL", "dead1", "p"))),
        look("dead1"),
    ),
    sentence(
        "from an offline node: disks anew, a reinstall and a start in one job",
        jobs(
            job(
                tags("TAGS_SET", "deadplain", "pending"),
                op("INSTANCE_RECREATE_DISKS", "deadplain", nodes=[full("node2")]),
                op("INSTANCE_SHUTDOWN", "deadplain"),
                op("INSTANCE_REINSTALL", "deadplain"),
                op("INSTANCE_STARTUP", "deadplain"),
            )
        ),
        look("deadplain"),
    ),
]
