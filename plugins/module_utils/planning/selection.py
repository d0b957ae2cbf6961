# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Selection: which objects of a cluster a user means, by names, globs and what they have in common."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from fnmatch import fnmatchcase

from ..errors import BadOption
from ..ganeti.model import Cluster, Instance
from ..repair.case import Case, cases_at


@dataclass(frozen=True)
class Filter:
    """What instances have to have in common; each field holds globs, one of which has to fit, and is no limit if empty.

    `groups` and `nodes` are those of the primary; `tags` are tags of the instance's own.
    """

    names: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    disk_templates: tuple[str, ...] = ()
    os: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


def matching(option: str, patterns: Iterable[str], names: Iterable[str]) -> frozenset[str]:
    """Those of `names` that one of `patterns` means, which may leave the domain out; all where there is no pattern.

    Raises BadOption, naming the `option`, for a pattern that means none.
    """
    names, patterns = tuple(names), tuple(pattern.strip() for pattern in patterns)  # "web1, web2" is one of two
    if not patterns:
        return frozenset(names)
    found: set[str] = set()
    for pattern in patterns:
        meant = _meant(pattern, names)
        if not pattern:
            raise BadOption(f"{option}: an empty name was given; nothing was done")
        if not meant:
            raise BadOption(f"{option}: nothing in the cluster is called {pattern}; nothing was done")
        found.update(meant)
    return frozenset(found)


def _meant(pattern: str, names: Sequence[str]) -> list[str]:
    """Those of `names` that one pattern means: the very one, if there is one, before any that are like it."""
    return (
        [name for name in names if name == pattern]
        or [name for name in names if name.lower() == pattern.lower()]
        or [name for name in names if _fits(name, (pattern,))]
    )


def select(cluster: Cluster, wanted: Filter, option: str = "names") -> tuple[Instance, ...]:
    """The instances of `cluster` that `wanted` lets by, in the cluster's order; its names stand in the `option`.

    Raises BadOption for a name, a group or a node that does not exist, and where no instance is left.
    """
    names = matching(option, wanted.names, [instance.name for instance in cluster.instances])
    groups = matching("groups", wanted.groups, cluster.groups)
    nodes = matching("nodes", wanted.nodes, cluster.nodes)
    found = tuple(
        instance
        for instance in cluster.instances
        if instance.name in names and _has(instance, wanted, cluster, groups, nodes)
    )
    if not found:
        told = [
            f"{option if field.name == 'names' else field.name} {', '.join(value)}"
            for field in fields(wanted)
            for value in [getattr(wanted, field.name)]
            if value
        ]
        raise BadOption(f"no instance of the cluster matches {' and '.join(told) or 'nothing'}; nothing was done")
    return found


def objects(cluster: Cluster, scope: str, wanted: Filter) -> tuple[tuple[str, str, tuple[str, ...]], ...]:
    """The kind, the name and the tags of each object of the kind `scope` that `wanted` lets by.

    Raises BadOption as `select` does, and where it is not said which groups or instances are meant.
    """
    limits = [field.name for field in fields(wanted) if getattr(wanted, field.name)]
    if scope == "cluster":
        if limits:
            raise BadOption(f"{limits[0]} is given, but object is cluster, and there is only one; nothing was done")
        return (("cluster", "", cluster.tags),)
    if not limits:
        raise BadOption(f"object is {scope}, but names is empty; for all of them give '*'; nothing was done")
    if scope == "group":
        if limits != ["names"]:
            raise BadOption(f"{limits[-1]} is for object: instance, but object is group; nothing was done")
        found = matching("names", wanted.names, cluster.groups)
        return tuple(("group", name, cluster.groups[name].tags) for name in sorted(found))
    return tuple(("instance", instance.name, instance.tags) for instance in select(cluster, wanted))


def cases_of(cluster: Cluster, wanted: Filter, now: float) -> tuple[Case, ...]:
    """The cases of the instances that `wanted`, whose names are in the option `instances`, lets by.

    Raises BadOption as `select` does, and where it is not said which instances are meant.
    """
    if wanted == Filter():
        raise BadOption("instances is empty; for all of them give '*'; nothing was done")
    names = {instance.name for instance in select(cluster, wanted, "instances")}
    return tuple(case for case in cases_at(cluster, now) if case.instance.name in names)


def _has(instance: Instance, wanted: Filter, cluster: Cluster, groups: frozenset[str], nodes: frozenset[str]) -> bool:
    node = cluster.nodes.get(instance.primary)
    return (
        (not wanted.groups or (node is not None and node.group in groups))
        and (not wanted.nodes or instance.primary in nodes)
        and (not wanted.disk_templates or _fits(instance.disk_template, wanted.disk_templates))
        and (not wanted.os or _fits(instance.os, wanted.os))
        and (not wanted.tags or any(_fits(tag, wanted.tags, False) for tag in instance.tags))
    )


def _fits(text: str, patterns: Sequence[str], short: bool = True) -> bool:
    """Whether one of `patterns` fits `text`, or where names may be `short` its first parts, as many as the pattern
    has: `*1` does not mean `web2.rack1.example.com`."""
    text, patterns = text.lower(), [pattern.strip().lower() for pattern in patterns]
    parts = text.split(".")
    return any(
        fnmatchcase(text, pattern) or (short and fnmatchcase(".".join(parts[: pattern.count(".") + 1]), pattern))
        for pattern in patterns
    )
