# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies: whether the copy on a secondary is behind, and the tag that records it (docs/safety.md).

Only while the primary is alive can anybody tell whether the copy on the secondary is current: afterwards DRBD itself
calls an old copy up to date. Nothing here reads or writes a cluster.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Union

from ..changes.requests import Change
from ..ganeti.model import Cluster, Instance, NodeState, utc
from ..ganeti.usable import is_size
from ..repair.case import Case
from ..tags.fields import behind_tag

_UP_TO_DATE = 1  # what Ganeti calls the state of a node's own copy, its ldisk_status
_STATUS = 7  # values in a disk's status: path, major, minor, sync percentage, seconds left, is_degraded, ldisk_status
_PROGRESS, _DEGRADED, _LOCAL = 3, 5, 6  # positions of these


@dataclass(frozen=True)
class Device:
    """One DRBD device, as its node reports it, in DRBD's own words; `instance` is the instance whose disk it is."""

    instance: str
    role: str
    connection: str
    local: str
    remote: str

    @property
    def in_step(self) -> bool:
        """Whether both copies are connected and up to date."""
        return self.connection == "Connected" and self.local == self.remote == "UpToDate"

    def __str__(self) -> str:
        return f"{self.connection}, {self.local}/{self.remote}"


Told = Union[Sequence[Device], str]  # what one node reported: its devices, or why there is no report


@dataclass(frozen=True)
class Mirror:
    """What a look has found for one instance: whether its secondary is in sync (None: not known), and if not, why."""

    instance: Instance
    in_step: bool | None
    words: str = ""


def to_look_at(cases: Iterable[Case], cluster: Cluster) -> tuple[Case, ...]:
    """The `cases` whose mirrors can be looked at: mirrored, and with a primary that is not marked offline."""
    return tuple(
        case
        for case in cases
        if case.instance.mirrored
        and not case.instance.forthcoming
        and len(case.instance.secondaries) == 1
        and case.instance.primary in cluster.nodes
        and cluster.nodes[case.instance.primary].state is not NodeState.OFFLINE
    )


def by_devices(instance: Instance, told: Told) -> Mirror:
    """The mirror of `instance`, judged by what its primary node reported (`told`)."""
    primary = instance.primary
    if isinstance(told, str):
        return Mirror(instance, None, f"{primary} did not report the state of its mirrors ({told})")
    mine = [device for device in told if device.instance == instance.name]
    if not mine:
        return Mirror(instance, None, f"{primary} has no device for it: its disks are not assembled")
    wrong = [device for device in mine if device.role != "Primary" or device.local != "UpToDate"]
    if wrong:
        return Mirror(instance, None, f"its own copy on {primary} is not both primary and up to date ({wrong[0]})")
    apart = [device for device in mine if not device.in_step]
    if apart:
        return Mirror(instance, False, "; ".join(map(str, apart)))
    if len(mine) != len(instance.disk_sizes):
        return Mirror(instance, None, f"{primary} reported {len(mine)} of its {len(instance.disk_sizes)} disks")
    return Mirror(instance, True)


def by_answer(instance: Instance, answer: Any) -> Mirror:
    """The mirror of `instance`, judged by the result of OP_INSTANCE_QUERY_DATA, which asks both nodes."""
    found = answer.get(instance.name) if isinstance(answer, Mapping) else None
    disks = found.get("disks") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(disks, list) or len(disks) != len(instance.disk_sizes):
        return Mirror(instance, None, "the answer is not about its disks")
    if found.get("pnode") != instance.primary or found.get("snodes") != list(instance.secondaries):
        return Mirror(instance, None, "it has moved since")
    states = [_own_states(disk) for disk in disks]
    if any(primary is None or primary[1] != _UP_TO_DATE for primary, _secondary in states):
        return Mirror(instance, None, f"its disks on {instance.primary} are not assembled, or not up to date")
    apart = [number for number, sides in enumerate(states) if any(side != (False, _UP_TO_DATE) for side in sides)]
    words = "; ".join(f"disk {number} is degraded or resyncs" for number in apart)
    return Mirror(instance, not apart, words)


def _own_states(disk: Any) -> tuple[tuple[bool, int] | None, tuple[bool, int] | None]:
    """For a disk's copies on the primary and the secondary: whether it is degraded or resyncs, and its ldisk_status."""
    given = disk if isinstance(disk, Mapping) else {}
    return _own_state(given.get("pstatus")), _own_state(given.get("sstatus"))


def _own_state(status: Any) -> tuple[bool, int] | None:
    if not isinstance(status, list) or len(status) < _STATUS or not is_size(status[_LOCAL]):
        return None
    return status[_DEGRADED] is not False or status[_PROGRESS] is not None, status[_LOCAL]


def remember(case: Case, mirror: Mirror, cluster: Cluster, now: float) -> Change:
    """The tags to change on the instance of `case`, so that what a look at `now` has found outlasts its primary.

    A copy that is behind is noted once. The note is removed when the copy is seen in sync with a primary that is not
    in doubt itself: a copy that is in sync with empty disks proves nothing. `now` is in seconds since the epoch.
    """
    instance, tags = case.instance, case.tags.behind
    nodes = [cluster.nodes.get(name) for name in instance.nodes]
    primary, secondary = ((node.uuid if node else "") for node in nodes)
    noted = tuple(tag.tag for tag in tags if tag.node == secondary)
    doubtful = any(tag.node == primary for tag in tags)
    change = Change("instance", instance.name)
    if "tags" in instance.missing_fields:  # one of them may say that its primary is in doubt
        return change.noted("the cluster did not return its tags, so nothing is noted")
    if mirror.in_step is None:
        still = f"; still noted as behind: {' '.join(noted)}" if noted else ""
        return change.noted(f"not known whether it is in sync: {mirror.words}{still}")
    if doubtful or not (primary and secondary):
        return change.noted(f"the disks on its primary {instance.primary} are in doubt themselves, so nothing is noted")
    if mirror.in_step:
        words = f"the copy on {instance.secondaries[0]} is in sync" + (" again" if noted else "")
        return Change("instance", instance.name, remove=noted, note=words)
    since = utc(min(tag.since for tag in tags if tag.node == secondary)) if noted else utc(now)
    words = f"the copy on {instance.secondaries[0]} has been behind since {since} at the latest ({mirror.words})"
    return Change("instance", instance.name, add=() if noted else (behind_tag(secondary, now),), note=words)


def remember_again(case: Case, mirror: Mirror, cluster: Cluster, now: float) -> Change | None:
    """The tags to change if `mirror`, seen after the note of `case` was removed, is not in sync; None if it still is.

    Somebody else may have looked in between, and have written no note because the old one was still there.
    """
    if mirror.in_step:
        return None
    before = replace(case, tags=replace(case.tags, behind=()))
    if mirror.in_step is None:
        mirror = replace(mirror, in_step=False, words=f"not known any more: {mirror.words}")
    return remember(before, mirror, cluster, now)
