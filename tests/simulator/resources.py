# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The resources of the remote API: their paths, and what each method does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from simulator import opcodes
from simulator.call import Call
from simulator.errors import RequestError, unknown_name
from simulator.info import cluster_info
from simulator.model import Tagged, find
from simulator.query import job_view, query

JOB_VIEW = ("id", "ops", "status", "summary", "opstatus", "received_ts", "start_ts", "end_ts", "oplog", "opresult")
ROLES: Mapping[str, Mapping[str, bool]] = {
    "regular": {"master_candidate": False, "offline": False, "drained": False},
    "master-candidate": {"master_candidate": True},
    "drained": {"drained": True},
    "offline": {"offline": True},
}
LABELS = {"instance": "Instance", "node": "Node", "nodegroup": "NodeGroup"}
ROLE_NAMES = {"M": "master", "C": "master-candidate", "R": "regular", "D": "drained", "O": "offline"}

Handler = Callable[[Call], object]


@dataclass(frozen=True)
class Resource:
    """A resource: the path's pattern, the name that reason trails give it, and its methods."""

    pattern: re.Pattern[str]
    name: str
    methods: Mapping[str, Handler]


def resource(path: str, **methods: Handler) -> Resource:
    """Return a resource; `path` has a * for each name in it."""
    pattern = re.escape(path).replace(r"\*", "([^/]+)")
    name = path.removeprefix("/2/").replace("/*", "_name").replace("/", "_").replace("-", "_")
    return Resource(re.compile(pattern), name, methods)


# queries and lists


def get_query(call: Call) -> object:
    """GET /2/query/KIND?fields=a,b"""
    return query(call.cluster, call.items[0], query_fields(call), None)


def put_query(call: Call) -> object:
    """PUT /2/query/KIND with {"fields", "qfilter"}"""
    body = call.must_be(dict)
    names = body["fields"] if "fields" in body else query_fields(call)
    wanted = body.get("qfilter")
    return query(call.cluster, call.items[0], names, body.get("filter") if wanted is None else wanted)


def query_fields(call: Call) -> list[str]:
    """Return the fields that the query part names; raise 400 if none."""
    listed = call.text("fields")
    if listed is None:
        raise RequestError(400, "Missing 'fields' query argument")
    return [name.strip() for name in listed.split(",")]


def list_objects(kind: str, key: str = "id") -> Handler:
    """Return the GET of a list of names."""

    def handler(call: Call) -> object:
        names = sorted(getattr(call.cluster, kind))
        return [{key: name, "uri": f"/2/{kind}/{name}"} for name in names]

    return handler


def get_role(call: Call) -> object:
    """GET /2/nodes/NODE/role"""
    node = find(call.cluster.nodes, call.items[0])
    if node is None:
        raise unknown_name("Node", call.items[0])
    letter = query(call.cluster, "node", ["role"], ["=", "name", node.name])["data"][0][0][1]
    return ROLE_NAMES[letter]


# jobs


def get_jobs(call: Call) -> object:
    """GET /2/jobs"""
    call.cluster.sync()
    jobs = call.cluster.queue.jobs.values()
    return [{"id": job.id, "uri": f"/2/jobs/{job.id}"} for job in jobs if not job.archived]


def get_job(call: Call) -> object:
    """GET /2/jobs/ID: 200 with nulls for a job that is not there."""
    call.cluster.sync()
    job_id = int(call.items[0])
    return job_view(call.cluster, call.cluster.queue.jobs.get(job_id), job_id, JOB_VIEW)


def cancel_job(call: Call) -> object:
    """DELETE /2/jobs/ID"""
    return list(call.cluster.cancel(int(call.items[0])))


# tags


def tagged(call: Call, kind: str) -> Tagged:
    """Return the object whose tags are asked for; raise 500 as Ganeti does, not 404."""
    if kind == "cluster":
        return call.cluster
    found: Tagged | None = find(call.cluster.tagged[kind], call.items[0])
    if found is None:
        raise unknown_name(LABELS[kind], call.items[0])
    return found


def get_tags(kind: str) -> Handler:
    """Return the GET of an object's tags."""

    def handler(call: Call) -> object:
        call.cluster.sync()
        return sorted(tagged(call, kind).tags)

    return handler


def change_tags(kind: str, op_id: str) -> Handler:
    """Return the PUT or DELETE of an object's tags. Of the body only `depends` counts."""

    def handler(call: Call) -> object:
        name = call.items[0] if kind != "cluster" else None
        tags, dry_run = call.query.get("tag", []), call.flag("dry-run")
        return call.submit(op_id, {}, kind=kind, name=name, tags=tags, dry_run=dry_run)

    return handler


def tags(path: str, kind: str) -> Resource:
    """Return the resource of an object's tags."""
    put, delete = change_tags(kind, "OP_TAGS_SET"), change_tags(kind, "OP_TAGS_DEL")
    return resource(path, GET=get_tags(kind), PUT=put, DELETE=delete)


# instances and nodes


def instance_job(op_id: str) -> Handler:
    """Return a handler that gives its whole body to an opcode. `?dry-run=1` is not looked at."""
    return lambda call: call.submit(op_id, call.data, instance_name=call.items[0])


def startup(call: Call) -> object:
    """PUT /2/instances/NAME/startup: of the body only `depends` counts."""
    return call.submit(
        "OP_INSTANCE_STARTUP",
        {},
        instance_name=call.items[0],
        force=call.flag("force"),
        dry_run=call.flag("dry-run"),
        no_remember=call.flag("no_remember"),
    )


def activate_disks(call: Call) -> object:
    """PUT /2/instances/NAME/activate-disks: of the body only `depends` counts."""
    name = call.items[0]
    return call.submit("OP_INSTANCE_ACTIVATE_DISKS", {}, instance_name=name, ignore_size=call.flag("ignore_size"))


def shutdown(call: Call) -> object:
    """PUT /2/instances/NAME/shutdown"""
    return call.submit(
        "OP_INSTANCE_SHUTDOWN",
        call.data,
        instance_name=call.items[0],
        no_remember=call.flag("no_remember"),
        dry_run=call.flag("dry-run"),
    )


def reinstall(call: Call) -> object:
    """POST /2/instances/NAME/reinstall: one job of three opcodes; depends, reason and dry_run are ignored."""
    body = call.data or {}
    if body and call.query:
        raise RequestError(400, "Can't combine query and body parameters")
    if not isinstance(body, dict):
        raise RequestError(400, "Invalid body contents, not a dictionary")
    start = body.get("start", True) if body else not call.flag("nostartup")
    if not isinstance(start, bool):
        given = type(start).__name__
        raise RequestError(400, f"'start' parameter: Type is '{given}', but 'bool' is expected")
    name = {"instance_name": call.items[0]}
    op_ids = ["OP_INSTANCE_SHUTDOWN", "OP_INSTANCE_REINSTALL", *(["OP_INSTANCE_STARTUP"] if start else [])]
    return call.cluster.submit([opcodes.build(op_id, name) for op_id in op_ids])


def info(call: Call) -> object:
    """GET /2/instances/NAME/info: a job, whose result is the answer."""
    return call.submit("OP_INSTANCE_QUERY_DATA", {}, instances=[call.items[0]], static=call.flag("static"))


def replace_disks(call: Call) -> object:
    """POST /2/instances/NAME/replace-disks"""
    body = call.data
    if not body:
        names = ("remote_node", "mode", "iallocator") if call.query else ()
        body = {name: call.text(name) for name in names}
    return call.submit("OP_INSTANCE_REPLACE_DISKS", body, instance_name=call.items[0])


def set_role(call: Call) -> object:
    """PUT /2/nodes/NAME/role with a string as its body"""
    role = call.must_be(str)
    if role not in ROLES:
        raise RequestError(400, f"Can't set '{role}' role")
    flags = {**ROLES[role], "force": call.flag("force"), "auto_promote": call.flag("auto-promote")}
    return call.submit("OP_NODE_SET_PARAMS", {}, node_name=call.items[0], **flags)


def modify_node(call: Call) -> object:
    """POST /2/nodes/NAME/modify"""
    return call.submit("OP_NODE_SET_PARAMS", call.data, node_name=call.items[0])


def constant(value: object) -> Handler:
    """Return a handler that always answers the same."""
    return lambda call: value


JOB = Resource(re.compile(r"/2/jobs/(\d+)"), "jobs_id", {"GET": get_job, "DELETE": cancel_job})
RESOURCES = (
    resource("/", GET=constant(None)),
    resource("/version", GET=constant(2)),
    resource("/2", GET=constant(None)),
    resource("/2/info", GET=lambda call: cluster_info(call.cluster)),
    resource("/2/query/*", GET=get_query, PUT=put_query),
    resource("/2/nodes", GET=list_objects("nodes")),
    resource("/2/instances", GET=list_objects("instances")),
    resource("/2/groups", GET=list_objects("groups", key="name")),
    resource("/2/jobs", GET=get_jobs),
    JOB,
    tags("/2/tags", "cluster"),
    tags("/2/groups/*/tags", "nodegroup"),
    tags("/2/nodes/*/tags", "node"),
    tags("/2/instances/*/tags", "instance"),
    resource("/2/instances/*/info", GET=info),
    resource("/2/instances/*/failover", PUT=instance_job("OP_INSTANCE_FAILOVER")),
    resource("/2/instances/*/activate-disks", PUT=activate_disks),
    resource("/2/instances/*/migrate", PUT=instance_job("OP_INSTANCE_MIGRATE")),
    resource("/2/instances/*/replace-disks", POST=replace_disks),
    resource("/2/instances/*/recreate-disks", POST=instance_job("OP_INSTANCE_RECREATE_DISKS")),
    resource("/2/instances/*/reinstall", POST=reinstall),
    resource("/2/instances/*/startup", PUT=startup),
    resource("/2/instances/*/shutdown", PUT=shutdown),
    resource("/2/instances/*/modify", PUT=instance_job("OP_INSTANCE_SET_PARAMS")),
    resource("/2/nodes/*/role", GET=get_role, PUT=set_role),
    resource("/2/nodes/*/modify", POST=modify_node),
)
