# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""LUXI: what each call means to the cluster. From `Message` to `Answer`, without sockets.

Whoever may open the socket may do everything. A request that can't be read is refused with a text, and the connection
ends; whatever else is wrong is refused with a class and its arguments, and the next request may come.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator import opcodes
from simulator.errors import LuxiError, Unreadable, unknown_name
from simulator.info import cluster_info
from simulator.message import Answer, Message, failure, success, unreadable
from simulator.model import find
from simulator.opcodes import Op
from simulator.query import query

if TYPE_CHECKING:
    from simulator.cluster import Cluster

LABELS = {"instance": "Instance", "node": "Node", "nodegroup": "NodeGroup", "network": "Network"}
NO_JSON = "Invalid JSON: a JSON text a serialized object or array at the top level."
NOT_SIMULATED = frozenset(
    {
        *("QueryJobs", "QueryNodes", "QueryInstances", "QueryGroups", "QueryNetworks", "QueryExports", "QueryFilters"),
        *("QueryFields", "ReplaceFilter", "DeleteFilter", "WaitForJobChange", "ArchiveJob", "AutoArchiveJobs"),
        *("SubmitJobToDrainedQueue", "ChangeJobPriority", "PickupJob"),
    }
)

Handler = Callable[["Cluster", Any], object]


@dataclass
class Luxi:
    """LUXI of a cluster."""

    cluster: Cluster

    def handle(self, message: Message) -> Answer:
        """Answer a request at the clock's time."""
        try:
            method, arguments = read(message)
            return success(METHODS[method](self.cluster, arguments))
        except Unreadable as error:
            return unreadable(error.message)
        except LuxiError as error:
            return failure(error.kind, *error.arguments)


def read(message: Message) -> tuple[str, Any]:
    """Return the method and its arguments; raise Unreadable, or LuxiError for what only real Ganeti can do."""
    data = read_json(message.body)
    for key in ("method", "args"):
        if key not in data:
            raise Unreadable(f"key '{key}' not found, object contains only {opcodes.compact(list(data))}")
    method, trouble = data["method"], "Unable to parse LUXI request method"
    if not isinstance(method, str):
        raise Unreadable(f"{trouble}: Can't parse value for 'LuxiReq': Unable to read String")
    if method in NOT_SIMULATED:
        raise LuxiError("GenericError", f"The simulator has no {method}")
    if method not in METHODS:
        raise Unreadable(f'{trouble}: Invalid string value for type LuxiReq: "{method}"')
    return method, data["args"]


def read_json(body: bytes) -> dict[str, Any]:
    """Return a request's object; raise Unreadable."""
    trouble = "parsing top-level JSON message"
    if not body.startswith((b"{", b"[")):
        raise Unreadable(f"{trouble}: {NO_JSON}")
    try:
        data = json.loads(body)
    except ValueError as error:
        raise Unreadable(f"{trouble}: {error}") from error
    if not isinstance(data, dict):
        raise Unreadable(f"{trouble}: Unable to read JSObject")
    return data


def refuse(arguments: object, why: str) -> Unreadable:
    """Return the refusal of arguments."""
    return Unreadable(f"Cannot convert value '{json.dumps(arguments)}', error: {why}")


def only(arguments: Any, place: str) -> Any:
    """Return the only argument; `place` is where Ganeti's source says so if there is none. Raise Unreadable."""
    if arguments == []:
        raise Unreadable(f"Pattern match failure in do expression at src/Ganeti/Luxi.hs:{place}")
    if not isinstance(arguments, list) or len(arguments) > 1:
        raise refuse(arguments, "Unable to read list")
    return arguments[0]


# reading


def query_objects(cluster: Cluster, arguments: Any) -> object:
    """Query: kind, fields, filter; the answer is that of RAPI's /2/query."""
    if not (isinstance(arguments, list) and len(arguments) == 3):
        raise refuse(arguments, "Unable to read Triple")
    kind, names, wanted = arguments
    if not isinstance(kind, str):
        raise refuse(arguments, f"Invalid value '{json.dumps(kind)}for query type")
    return query(cluster, kind, names, wanted)


def query_tags(cluster: Cluster, arguments: Any) -> object:
    """QueryTags: kind and name; the cluster's name does not matter."""
    if not (isinstance(arguments, list) and len(arguments) == 2):
        raise refuse(arguments, "Unable to read Pair")
    kind, name = arguments
    if complaint := opcodes.one_of("TagKind", "cluster", *LABELS)(kind) or opcodes.string(name):
        raise refuse(arguments, complaint)
    cluster.sync()
    found = cluster if kind == "cluster" else find(cluster.tagged.get(kind, {}), name)
    if found is None:
        raise unknown_name(LABELS[kind], name)
    return sorted(found.tags)


def query_values(cluster: Cluster, arguments: Any) -> object:
    """QueryConfigValues: null for a name that is not known."""
    names = only(arguments, "321:15-22")
    if complaint := opcodes.list_of(opcodes.string)(names):
        raise refuse(arguments, complaint)
    pause = cluster.watcher_pause
    values = {
        "cluster_name": cluster.name,
        "master_node": cluster.master,
        "drain_flag": cluster.queue.drained,
        "watcher_pause": int(pause) if pause is not None and pause > cluster.clock.now() else None,
    }
    return [values.get(name) for name in names]


# jobs


def load_job(given: object, method: str) -> list[Op]:
    """Return the opcodes of a job; raise Unreadable."""
    if not isinstance(given, list):
        raise Unreadable(f"{method}: Unable to read list")
    try:
        return [opcodes.load(one) for one in given]
    except Unreadable as error:
        raise Unreadable(f"{method}: {error.why}") from error


def submit_job(cluster: Cluster, arguments: Any) -> object:
    """SubmitJob: a list of opcodes; the answer is the job's id."""
    given = only(arguments, "282:15-20")
    if not isinstance(given, list):
        raise refuse(arguments, "Unable to read list")
    return cluster.submit(load_job(given, "SubmitJob"))


def submit_many_jobs(cluster: Cluster, arguments: Any) -> object:
    """SubmitManyJobs: a list of lists of opcodes; the answer is [true, id] of each job."""
    given = only(arguments, "290:15-20")
    if not isinstance(given, list):
        raise refuse(arguments, "Unable to read list")
    jobs: Sequence[list[Op]] = [load_job(one, "SubmitManyJobs") for one in given]
    return [[True, cluster.submit(job)] for job in jobs]


def cancel_job(cluster: Cluster, arguments: Any) -> object:
    """CancelJob: id, and whether to kill it, which the simulator doesn't."""
    shown = f"Cannot convert value '{json.dumps(arguments)}', error: "
    if not (isinstance(arguments, list) and len(arguments) in (1, 2)):
        raise Unreadable(f"{shown}Unable to read Pair; {shown}Unable to read 1 tuple")
    job_id, kill = arguments[0], arguments[1:] == [True]
    if isinstance(job_id, bool) or not str(job_id).lstrip("-").isdigit():
        raise Unreadable(f"{shown}parsing job id: cannot parse string '{job_id}'; {shown}Unable to read 1 tuple")
    if int(job_id) < 0:
        raise Unreadable(f"{shown}Invalid value for job ID ' {job_id}'; {shown}Unable to read 1 tuple")
    if kill:
        raise LuxiError("GenericError", "The simulator kills no jobs")
    return list(cluster.cancel(int(job_id)))


# the cluster


def set_drain_flag(cluster: Cluster, arguments: Any) -> object:
    """SetDrainFlag: whether the queue refuses jobs."""
    drained = only(arguments, "335:15-20")
    if complaint := opcodes.boolean(drained):
        raise refuse(arguments, complaint)
    cluster.queue.drained = drained
    return True


def set_watcher_pause(cluster: Cluster, arguments: Any) -> object:
    """SetWatcherPause: until when, in seconds since the epoch; whatever is no number ends the pause."""
    given = arguments[0] if isinstance(arguments, list) and arguments else None
    until = given if isinstance(given, (int, float)) and not isinstance(given, bool) else None
    cluster.watcher_pause = until
    return until


METHODS: Mapping[str, Handler] = {
    "Query": query_objects,
    "QueryClusterInfo": lambda cluster, arguments: cluster_info(cluster),
    "QueryConfigValues": query_values,
    "QueryTags": query_tags,
    "SubmitJob": submit_job,
    "SubmitManyJobs": submit_many_jobs,
    "CancelJob": cancel_job,
    "SetDrainFlag": set_drain_flag,
    "SetWatcherPause": set_watcher_pause,
}
