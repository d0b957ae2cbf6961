# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Breaker: stops repairs when so many nodes are broken that the network is the likelier cause (design, law 9).

It counts the nodes that hold instances and are offline or in an unknown state, and those that were marked offline
within the last hour, and compares them with all nodes that can hold instances: in the cluster, and in each group of at
least three. A tag of the cluster or the group records that it has tripped, so that it stays tripped for a while after
the storm, whoever runs next: `breaker` until a round sees that the storm is over, then `breaker:TIMESTAMP` until that
time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ..ganeti.model import Cluster, Node, NodeState, utc
from ..settings.limits import Limits
from ..tags.clocks import is_beyond
from ..tags.fields import breaker_tag
from ..tags.shared import SharedTags
from ..tags.values import Breaking, Malformed, TagSet

RECENT = 3600  # seconds for which a node that was marked offline counts also when it has been emptied since
SMALLEST_GROUP = 3  # nodes: in a smaller one a single dead node is already a large share


@dataclass(frozen=True)
class Breaker:
    """The breaker of the cluster, or of the group `name`, at one time.

    `counted` of `total` nodes are broken; of these, `unknown` are in an unknown state, and `emptied` hold no instances
    any more; `limit` is the number that is tolerated; `lowest` is the least number for which repairs start. `noted`
    are its tags, `unread` those of them that can't be read. `cooldown` and `now` are in seconds.
    """

    scope: str
    name: str
    counted: int
    unknown: int
    total: int
    limit: int
    lowest: int
    rule: str
    noted: tuple[Breaking, ...]
    unread: tuple[Malformed, ...]
    cooldown: int
    now: float
    emptied: int = 0

    @property
    def storm(self) -> bool:
        """Whether too much is broken."""
        return self.counted > self.limit

    @property
    def too_few(self) -> bool:
        """Whether fewer nodes are broken than the user wants repairs for; False if none is broken."""
        return 0 < self.counted < self.lowest

    @property
    def lasting(self) -> tuple[Breaking, ...]:
        """The tags without an end, or with one that no correct clock can have set: the storm counts as just ended."""
        return tuple(tag for tag in self.noted if tag.until is None or is_beyond(tag, self.now))

    @property
    def until(self) -> float | None:
        """When it resets after a storm, in seconds since the epoch; None if no storm is recorded."""
        if self.lasting:
            return self.now + self.cooldown
        return max((tag.until for tag in self.noted if tag.until is not None), default=None)

    @property
    def cooling(self) -> bool:
        """Whether the storm is over, but not for long enough; a cooldown of 0 ignores a recorded storm."""
        return not self.storm and self.cooldown > 0 and (self.until or 0) > self.now

    @property
    def tripped(self) -> bool:
        """Whether it keeps repairs from starting."""
        return self.storm or self.too_few or self.cooling or bool(self.unread)

    @property
    def words(self) -> str:
        """Why it has tripped."""
        where = "" if self.scope == "cluster" else f" of group {self.name}"
        hold, are, were = ("holds", "is", "was") if self.counted == 1 else ("hold", "are", "were")
        unknown = f" or in an unknown state ({self.unknown})" if self.unknown else ""
        emptied = f", or {were} marked offline within the last hour ({self.emptied})" if self.emptied else ""
        nodes = f"{self.counted} of {self.total} nodes{where} {hold} instances and {are} offline{unknown}{emptied}"
        if self.storm or self.too_few:
            return f"{nodes}; {self.rule}"
        if self.unread:
            where = "gnt-cluster remove-tags" if self.scope == "cluster" else f"gnt-group remove-tags {self.name}"
            return "; ".join(map(str, self.unread)) + f"; remove it: {where} {' '.join(tag.tag for tag in self.unread)}"
        until = utc(self.until or self.now)
        return f"too many nodes{where} were offline recently; the breaker stays tripped until {until}"

    def to_write(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The tags to add and to remove, so that the storm is recorded.

        Nothing changes from round to round while a storm lasts, or while it is recorded. A cooldown of 0 removes no
        record: others may have a cooldown.
        """
        stand = [tag.tag for tag in self.noted]
        lasting = [tag.tag for tag in self.lasting]
        wanted = lasting + [tag.tag for tag in self.noted if (tag.until or 0) > self.now and tag not in self.lasting]
        if self.storm and self.cooldown:
            wanted = [breaker_tag()]
        elif lasting and self.cooldown:
            wanted = [breaker_tag(int(self.now) + self.cooldown)]
        return tuple(tag for tag in wanted if tag not in stand), tuple(tag for tag in stand if tag not in wanted)


def judge_breakers(cluster: Cluster, shared: SharedTags, limits: Limits, now: float) -> tuple[Breaker, ...]:
    """The breaker of `cluster` at `now` (seconds since the epoch), and then those of its groups, by name.

    A small group has one only while a storm is recorded there.
    """
    held = [instance for instance in cluster.instances if not instance.forthcoming]  # a reservation loses nothing
    names = {name for instance in held for name in (instance.primary, *instance.secondaries)}
    holding = names - {""}
    lost = [Node(name, "", NodeState.UNKNOWN) for name in sorted(holding - set(cluster.nodes))]  # not in the answer
    nodes = [*cluster.nodes.values(), *lost]
    found = [_breaker("cluster", "", nodes, shared.cluster, holding, limits, now)]
    for group in sorted(cluster.groups.values(), key=lambda group: group.name):
        inside = [node for node in nodes if node.group in (group.name, "")]
        breaker = _breaker("group", group.name, inside, shared.groups[group.name], holding, limits, now)
        if breaker.total >= SMALLEST_GROUP or breaker.noted or breaker.unread:
            found.append(breaker)
    return tuple(found)


def _counts(node: Node, holding: Collection[str], now: float) -> bool:
    """Whether a node counts as broken: it holds instances and is offline or in an unknown state, or it is offline and
    was marked within the last hour. Without the latter, nodes that die one after another, each emptied before the next
    one dies, would never be too many."""
    just_marked = node.changed is not None and now - RECENT < node.changed
    if node.state is NodeState.OFFLINE:
        return node.name in holding or just_marked
    return node.state is NodeState.UNKNOWN and node.name in holding


def _breaker(
    scope: str,
    name: str,
    nodes: Iterable[Node],
    tags: TagSet,
    holding: Collection[str],
    limits: Limits,
    now: float,
) -> Breaker:
    capable = [node for node in nodes if node.vm_capable or node.name in holding]
    broken = [node for node in capable if _counts(node, holding, now)]
    lowest, limit, rule = _bounds(scope, len(capable), limits)
    return Breaker(
        scope=scope,
        name=name,
        counted=len(broken),
        unknown=sum(1 for node in broken if node.state is NodeState.UNKNOWN),
        total=len(capable),
        limit=limit,
        lowest=lowest,
        rule=rule,
        noted=tags.breakers,
        unread=tuple(tag for tag in tags.malformed if tag.kind == "breaker"),
        cooldown=limits.storm_cooldown,
        now=now,
        emptied=sum(1 for node in broken if node.name not in holding),
    )


def _bounds(scope: str, total: int, limits: Limits) -> tuple[int, int, str]:
    """How many of `total` nodes must be broken for repairs to start, how many may be, and the rule in words."""
    lowest, limit = 0, limits.max_unhealthy.of(total)
    rule = f"max_unhealthy ({limits.max_unhealthy.text}) allows {limit}"
    if limits.unhealthy_range:
        least, limit = limits.unhealthy_range
        lowest = least if scope == "cluster" else 0
        rule = f"unhealthy_range allows {least} to {limit}"
    if scope == "group" and total < SMALLEST_GROUP:
        limit = total  # the cluster's breaker counts these
    return lowest, limit, rule
