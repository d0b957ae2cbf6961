# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Cases: the instances on a page, each with what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ...ganeti.model import utc
from ...planning.schema import JobFacts, PolicyFacts, RepairFacts
from ...tags.fields import PREFIX
from ..schema import InstanceReport, Report, SeenCluster, StepReport
from .parts import BADGES, EXPLAINED, Badge, Explained, Moment, moment

STEP_STATES: Mapping[str, str] = {
    "done": "done",
    "running": "under way",
    "failed": "failed",
    "canceled": "canceled",
    "to_come": "to come",
    "not_allowed": "not allowed",
}
WANTED: Mapping[str, str] = {"up": "running", "down": "stopped", "offline": "offline"}


@dataclass(frozen=True)
class StepView:
    """A step of a repair; `words` give its state and its job."""

    name: str
    state: str
    words: str


@dataclass(frozen=True)
class RepairView:
    """The last repair; `words` say that it began or how it ended, and `when` says when."""

    type: str
    id: str
    words: str
    when: Moment | None


@dataclass(frozen=True)
class JobView:
    """A job of a repair; `words` give its operations and its status."""

    words: str
    ended: Moment | None
    error: str


@dataclass(frozen=True)
class Tagged:
    """An object whose tags may set the permission, and whether they do (`decides`)."""

    kind: str
    name: str
    tags: Sequence[str]
    decides: bool


@dataclass(frozen=True)
class Known:
    """The details of an instance that is not simply healthy; an unknown field is empty."""

    words: str
    reason: Explained | None
    command: str
    wanted: str
    needs: str
    allowed: str
    repair: RepairView | None
    steps: Sequence[StepView]
    jobs: Sequence[JobView]
    tagged: Sequence[Tagged]
    next_round: bool


@dataclass(frozen=True)
class CaseView:
    """An instance. `id` is unique on a page; `attention` is what it asks for.

    On the page of all clusters, `cluster` is the number of its cluster; on the page of one, `group` and `on` are the
    numbers of its group and nodes.
    """

    id: str
    name: str
    cluster_name: str
    group_name: str
    disk_template: str
    badge: Badge
    attention: str
    why: str
    since: Moment | None
    primary: str
    secondaries: Sequence[str]
    cluster: int | None
    group: int | None
    on: str
    known: Known | None


def case_views(report: Report, of_all: bool) -> list[CaseView]:
    """The instances of `report`, in its order, for the page of all clusters (`of_all`) or of one."""
    every = enumerate(report["clusters"])
    seen = [(at, cluster["name"], cluster["seen"]) for at, cluster in every if cluster["seen"]]
    return [case for at, name, found in seen for case in _cases(name, found, at, of_all)]


def _cases(cluster: str, seen: SeenCluster, at: int, of_all: bool) -> Iterator[CaseView]:
    nodes = {} if of_all else {node["name"]: str(number) for number, node in enumerate(seen["nodes"])}
    groups = {} if of_all else {group["name"]: number for number, group in enumerate(seen["groups"])}
    tags = {group["name"]: group["tags"] for group in seen["groups"]}
    ours = [tag for tag in seen["cluster"]["tags"] if tag.startswith(PREFIX)]
    for number, instance in enumerate(seen["instances"]):
        placed = (instance["primary"], *instance["secondaries"])
        state, group, known = instance["state"], instance["group"], None
        if instance["attention"] or instance["repair"] or state != "healthy":
            objects = (("group", group, tags.get(group, ())), ("cluster", seen["cluster"]["name"], ours))
            known = _known(instance, (("instance", instance["name"], instance["tags"]), *objects))
        yield CaseView(
            id=f"i{at}-{number}",
            name=instance["name"],
            cluster_name=cluster,
            group_name=group,
            disk_template=instance["disk_template"],
            badge=BADGES.get(state) or Badge(state, state),
            attention=instance["attention"] or "",
            why=instance["why"] or "",
            since=moment(instance["since"]),
            primary=instance["primary"],
            secondaries=instance["secondaries"],
            cluster=at if of_all else None,
            group=groups.get(group),
            on=" ".join([nodes[name] for name in placed if name in nodes]),
            known=known,
        )


# --- the details of an instance --------------------------------------------------------------------------------------


def _known(instance: InstanceReport, objects: Sequence[tuple[str, str, Sequence[str]]]) -> Known:
    decides = instance["policy"]["source"]
    return Known(
        words=_words(instance),
        reason=EXPLAINED.get(instance["why"] or ""),
        command=instance["command"] or "",
        wanted=WANTED.get(instance["admin_state"], ""),
        needs=instance["needs"] or "",
        allowed=_allowed(instance["policy"]),
        repair=_repair(instance["repair"]) if instance["repair"] else None,
        steps=[_step(step) for step in instance["steps"]],
        jobs=[_job(job) for job in instance["jobs"]],
        tagged=[Tagged(kind, name, tags, kind == decides) for kind, name, tags in objects],
        next_round=instance["next"] in ("submit", "finish"),
    )


def _words(instance: InstanceReport) -> str:
    """The reason, without the command at its end, which is shown separately."""
    reason, line = str(instance["reason"]), instance["command"]
    return reason[: -len(line)].rstrip() if line and reason.endswith(line) else reason


def _allowed(policy: PolicyFacts) -> str:
    by = f", by the tags of its {policy['source']}" if policy["source"] else ""
    until = policy["suspended_until"]
    if isinstance(until, str):  # forever
        return f"nothing: suspended{by}"
    if until is not None:
        return f"nothing: suspended until {utc(until)}{by}"
    return f"up to {policy['allowed']}{by}" if policy["allowed"] else f"nothing{by or ': no tag allows a repair'}"


def _repair(repair: RepairFacts) -> RepairView:
    words = f"ended as {repair['result']}" if repair["result"] else "began"
    return RepairView(repair["type"], repair["id"], words, moment(repair["timestamp"]))


def _step(step: StepReport) -> StepView:
    job = f", job {step['job']}" if step["job"] is not None else ""
    return StepView(step["step"], step["state"], STEP_STATES[step["state"]] + job)


def _job(job: JobFacts) -> JobView:
    what = f" ({', '.join(job['operations'])})" if job["operations"] else ""
    words = f"{job['id']}{what}: {job['status'] or 'no longer in the queue'}"
    return JobView(words, moment(job["ended"] or None), job["error"] or "")
