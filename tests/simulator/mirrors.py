# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What becomes of the copies of an instance when nodes come and go, and when opcodes give copies up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.data import Copy, Loss, Manner
from simulator.model import SHARED_STORAGE, Instance

if TYPE_CHECKING:
    from simulator.cluster import Cluster


@dataclass(frozen=True)
class Whereabouts:
    """Where a copy of the newest data is: whether its node is `alive`, and `online` by its marks, and whether the
    instance is `configured` to have a copy there; if not, nothing but a person's hand will find it."""

    place: str
    generation: int
    alive: bool
    online: bool
    configured: bool


def newest(cluster: Cluster, instance: Instance) -> list[Whereabouts]:
    """Return where the newest data is: nowhere if all is lost, twice if copies are the same or have gone apart."""
    found = []
    for place in instance.data.newest():
        node = None if place == SHARED_STORAGE else cluster.nodes[place]
        alive, online = node is None or node.alive, node is None or not node.offline
        generation = instance.data.copies[place].generation
        found.append(Whereabouts(place, generation, alive, online, place in instance.places))
    return found


def part(cluster: Cluster, instance: Instance) -> None:
    """Let the copies of a mirrored instance follow each other no more; where it runs it writes on."""
    instance.data.connected = False
    cluster.apart.add(instance.name)
    instance.data.write([name for name in sorted(instance.running_on) if name in instance.nodes])


def reconnect(cluster: Cluster, instance: Instance) -> bool:
    """Connect the copies of a mirrored instance and let the resync end; return whether they are connected."""
    if (ends := _ends_of_resync(cluster, instance)) is not None:
        instance.data.follow(*ends)
    if instance.data.connected:
        cluster.apart.discard(instance.name)
    return instance.data.connected


def begin_resync(cluster: Cluster, instance: Instance) -> None:
    """Connect the copies of a mirrored instance: what the one that is behind holds is of no use now."""
    ends = _ends_of_resync(cluster, instance)
    if ends is not None and instance.data.copies[ends[0]] != instance.data.copies[ends[1]]:
        instance.data.copies[ends[1]] = Copy(consistent=False)


def _ends_of_resync(cluster: Cluster, instance: Instance) -> tuple[str, str] | None:
    """The source and the target that DRBD would find; None if it can't, or there is nothing to do.

    After both copies were written to apart it refuses to connect them.
    """
    nodes = [cluster.nodes[name] for name in instance.nodes]
    copies = instance.data.copies
    if instance.data.connected or not all(node.name in copies and node.alive and not node.offline for node in nodes):
        return None
    (one, first), (two, second) = ((node.name, copies[node.name]) for node in nodes)
    if first.consistent and (not second.consistent or second.writes <= first.writes):
        return one, two
    if second.consistent and (not first.consistent or first.writes <= second.writes):
        return two, one
    return None


def overwrite(cluster: Cluster, instance: Instance, job: int) -> int:
    """Write the disks of an instance anew, whatever they hold; return the number of this write."""
    before = [(place, instance.data.copies[place]) for place in instance.mirrors if place in instance.data.copies]
    number = instance.data.write(instance.mirrors, anew=True)
    give_up(cluster, instance, before, "overwritten", job)
    return number


def restore(cluster: Cluster, instance: Instance) -> int:
    """See Cluster."""
    number = overwrite(cluster, instance, job=0)
    instance.data.restored.add(number)
    return number


def give_up(cluster: Cluster, instance: Instance, lost: Iterable[tuple[str, Copy]], manner: Manner, job: int) -> None:
    """Note that these copies, of these places, are given up; the configuration is already what it is without them."""
    for place, copy in lost:
        if not copy.readable:
            continue
        node = None if place == SHARED_STORAGE else cluster.nodes[place]
        others = [other for other in instance.places if other != place]
        loss = Loss(
            place,
            manner,
            copy.writes,
            newest=not instance.data.stands(copy.writes, others),
            alive=node is None or node.alive,
            offline=node is not None and node.offline,
            job=job,
            time=cluster.clock.now(),
        )
        instance.data.losses.append(loss)
