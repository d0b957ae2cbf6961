# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Causes: known reasons why jobs fail, explained, with the command that helps.

Each row matches an error text of Ganeti 3.0 and 3.1. Ganeti's own text always follows, as an explanation may be wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..ganeti.model import Instance, Job
from ..ganeti.operations import Operation

_USAGE = re.compile(r"[\s,;:(]*(?:\boutput )?['\"]?\s*(?:\bUsage:|\bUSAGE:|(?<=['\"\n])usage:).*\Z", re.DOTALL)
_NODE = r"(?P<node>[\w.-]+)"
_MARK = "gnt-node modify --offline=yes --auto-promote {node}"
_REPLACE = (Operation.REPLACE_SECONDARY.opcode,)
_FAILOVER = (Operation.FAILOVER.opcode,)
_MIGRATE = (Operation.MIGRATE.opcode,)


@dataclass(frozen=True)
class Cause:
    """Why a job failed, as a sentence without a full stop, and the command that helps; empty if there is none."""

    sentence: str
    command: str = ""


@dataclass(frozen=True)
class _Known:
    """A known error text of Ganeti.

    `pattern` is searched for in the error of one of `operations` (all if empty); `mirrored` rows apply only to
    mirrored instances. `sentence` and `command` may use `{name}`, `{primary}` and `{secondary}` of the instance, and
    the named groups of the pattern.
    """

    pattern: str
    sentence: str
    command: str = ""
    operations: tuple[str, ...] = ()
    mirrored: bool = False


_KNOWN: tuple[_Known, ...] = (  # the first that matches counts
    _Known(
        r"already exists in volume group",
        "volumes of an earlier installation are left over on {node}; do not start the instance, as it would start on "
        "them; look at them there, remove those that are not needed, then request the repair again",
        "lvs -o vg_name,lv_name,lv_tags @originstname+{name}",
    ),
    _Known(
        r"Can't activate the instance's disks",
        "its new primary can't open its copy of the disks: that copy is not in sync, or the old primary is alive and "
        "has it open; do not replace the disks, as the good copy is on the old primary, which is the secondary now "
        "({secondary}); bring {secondary} back, then",
        "gnt-instance failover {name}",
        _FAILOVER,
        mirrored=True,
    ),
    _Known(
        r"Can't activate the instance's disks",
        "the node that it was to start on can't open its disks; check the node daemon's log there, then",
        "gnt-instance startup {name}",
    ),
    _Known(
        r"Disk consistency error",
        "not all of its disks can be opened on its nodes; to have Ganeti try again",
        "gnt-instance activate-disks {name}",
    ),
    _Known(
        r"Can't migrate, please use failover: Node is marked offline",
        "its primary is marked offline, and nothing can be migrated off a dead node; it needs a failover",
        "gnt-instance failover {name}",
    ),
    _Known(
        r"Can't migrate, please use failover: Instance \S+ is not running",
        "it does not run, so there is no running state to migrate; it can be moved by a failover",
        "gnt-instance failover {name}",
    ),
    _Known(
        r"Can't migrate, please use failover",
        "its primary {primary} refused the migration; check whether {primary} answers, and whether the instance runs "
        "there",
        "gnt-instance info {name}",
    ),
    _Known(
        rf"Can't get (?:data for node|node instance info from node) {_NODE}",
        "{node} does not answer and is not marked offline; until one of the two changes, no allocator can choose "
        "nodes; "
        "repair it or, if it is dead, make sure that it is off, then mark it offline",
        _MARK,
    ),
    _Known(
        rf"Can't get data from node {_NODE}",
        "{node} does not answer, and is not marked offline; repair it or, if it is dead, make sure that it is off, "
        "then mark it offline",
        _MARK,
    ),
    _Known(
        r"Can't find any good node",
        "no other node of its group can take it; to see what is free",
        "gnt-node list -o name,group,role,dfree,mfree",
    ),
    _Known(
        r"iallocator module '(?P<allocator>[^']+)' not found in the search path",
        "the allocator {allocator} is not installed on the master; install it there, or name one that is",
        "gnt-cluster modify --default-iallocator=hail",
    ),
    _Known(
        r"iallocator module '(?P<allocator>[^']+)' failed",
        "the allocator {allocator} could not be run; check whether it is an allocator, or name another",
        "gnt-cluster modify --default-iallocator=hail",
    ),
    _Known(
        r"Failure while running the iallocator script",
        "the allocator could not be run on the master; check whether the master's node daemon answers",
        "gnt-cluster verify",
    ),
    _Known(
        r"Disk \d+ is degraded (?:or not fully synchronized )?on target node",
        "the copy on {secondary} is not in sync with that on {primary}; it is once its resync has ended, which "
        "gnt-instance info shows; to connect copies that are disconnected",
        "gnt-instance activate-disks {name}",
        mirrored=True,
    ),
    _Known(
        r"Cannot activate block devices",
        "its disks could not be assembled on {primary} and {secondary}: one of the two does not answer, or its volumes "
        "are not there; if it is dead, make sure that it is off, and mark it offline; to find out which one it is",
        "gnt-instance activate-disks {name}",
        mirrored=True,
    ),
    _Known(
        r"is marked to be offline, cannot",
        "it is marked offline, but Ganeti does this only to an instance that is marked down",
        "gnt-instance modify --online {name}",
    ),
    _Known(
        r"is marked to be up, cannot",
        "it is meant to run, but Ganeti does this only to an instance that is shut down",
        "gnt-instance shutdown {name}",
    ),
    _Known(
        rf"Node {_NODE} has degraded storage, unsafe to replace disks",
        "its disks on {node} are not connected to the other copy; assemble them first, then the replacement works",
        "gnt-instance activate-disks {name}",
    ),
    _Known(
        rf"Can't contact node {_NODE} for mirror data",
        "{node}, which holds the good copy, stopped answering while a new copy was made, so that the new one is not "
        "complete; do not give up the disks of {node}; bring it back, then",
        "gnt-instance activate-disks {name}",
        _REPLACE,
    ),
    _Known(
        rf"Can't use offline node:? {_NODE}",
        "{node} is marked offline; if it is alive again",
        "gnt-node add --readd {node}",
    ),
    _Known(
        rf"Can't use drained node {_NODE}",
        "{node} is drained, and Ganeti moves nothing to a drained node; to remove the mark",
        "gnt-node modify --drained=no {node}",
    ),
    _Known(
        rf"Not enough memory on node {_NODE} for",
        "{node} has too little memory free; move other instances away from it, or shut some down",
        "gnt-node list -o name,mtotal,mfree,pinst_list {node}",
    ),
    _Known(
        rf"Not enough disk space on target node {_NODE}",
        "{node} has too little disk free; move other instances away from it, or choose another node",
        "gnt-node list -o name,dtotal,dfree,sinst_list {node}",
    ),
    _Known(
        r"No space left on device",
        "a file system is full, most likely the master's; make room there",
        "df -h /var/lib/ganeti /var/log",
    ),
    _Known(
        rf"Could not start instance \S+ on node {_NODE}",
        "it was moved, but the hypervisor on {node} did not start it; check the node daemon's log there, then",
        "gnt-instance startup {name}",
    ),
    _Known(
        r"Could not start instance",
        "the hypervisor on {primary} did not start it; check the node daemon's log there, then",
        "gnt-instance startup {name}",
    ),
    _Known(
        r"Could not (?:pre-)?migrate instance|Could not finalize instance migration|[Mm]igration failed",
        "the migration was interrupted, so it may be running on either node; to have Ganeti check and clean up",
        "gnt-instance migrate --cleanup {name}",
        _MIGRATE,
    ),
)
_PLACE = re.compile(rf"on node {_NODE} for instance")  # of a device that could not be created


def cause_of(error: str, operation: str, instance: Instance) -> Cause | None:
    """The known cause of `error`, with which `operation` (`INSTANCE_FAILOVER`) failed on `instance`; or None."""
    row = _find(error, operation, instance)
    if row is None:
        return None
    known, found = row
    values = {**_names(error, instance), **found.groupdict()}
    return Cause(known.sentence.format(**values), known.command.format(**values))


def _find(error: str, operation: str, instance: Instance) -> tuple[_Known, re.Match[str]] | None:
    """The first row that matches `error`, with the match."""
    for known in _KNOWN:
        found = re.search(known.pattern, error)
        about = not known.operations or operation in known.operations
        if found and about and (instance.secondaries or not known.mirrored):
            return known, found
    return None


def _names(error: str, instance: Instance) -> Mapping[str, str]:
    """The values for sentences and commands that the pattern does not provide."""
    node = _PLACE.search(error)
    return {
        "name": instance.name,
        "primary": instance.primary,
        "secondary": instance.secondaries[0] if instance.secondaries else "",
        "node": node["node"] if node else "one of its nodes",
    }


def telling(error: str) -> str:
    """`error` without a program's usage text, which does not explain the failure."""
    return _USAGE.sub("", error) or error


def why_failed(job: Job, instance: Instance) -> str:
    """Why `job` on `instance` failed, for people: the known cause, then Ganeti's own text.

    A command follows a colon and ends at a semicolon.
    """
    words = telling(job.error)
    cause = cause_of(words, job.stopped_at, instance)
    if cause is None:
        return words
    command = f": {cause.command}" if cause.command else ""
    return f"{cause.sentence}{command}; Ganeti said: {words}"
