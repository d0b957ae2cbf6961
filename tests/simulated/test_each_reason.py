# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Every reason that an instance can be left alone with: how it comes about, what the report says, and how it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import result
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import (
    Fencing,
    MaxUnhealthy,
    SecondaryState,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.windows import parse_windows
from simulator import DELAY, JobTrouble, RequestFault
from simulator.model import COPIES
from unbraked import unbraked

from .conftest import TAG, Site

PAGE = Path(__file__).parents[2] / "docs" / "why-it-did-not-repair.md"
OTHERS = "pending:reinstall:somebody-else:1800000000:"
OWN = "pending:reinstall:asked-for:1799999999:"
HALF = {"max_unhealthy": MaxUnhealthy("40%", number=2)}  # of six nodes
OFFICE = parse_windows([{"type": "failover", "start": "09:00", "end": "17:00", "timezone": "UTC"}])  # it is 08:00

Part = Callable[[Site], object]


@dataclass(frozen=True)
class Row:
    """A reason: what happens `before` a round with `limits`, the `words` that its report then has, and what happens
    `after` it, so that rounds with the limits `later` repair web.

    `in_rounds_only` is for what no look shows, over that transport or over `both`; `over` is for what one transport
    alone can tell.
    """

    sentence: str
    why: Reason
    words: str
    before: tuple[Part, ...]
    after: tuple[Part, ...]
    limits: Mapping[str, Any] = field(default_factory=dict)
    later: Mapping[str, Any] | None = None
    in_rounds_only: str = ""
    over: str = ""
    repaired: bool = True


# --- what happens ----------------------------------------------------------------------------------------------------


def instance(template: str = "rbd", secondary: str | None = None, allow: str = "reinstall", name: str = "web") -> Part:
    """There is an instance on node3, and the cluster allows repairs up to a type."""

    def add(site: Site) -> None:
        site.cluster.add_instance(name, template, "node3", secondary)
        site.cluster.tags.update([TAG + allow] if allow else [])

    return add


def dies(*names: str) -> Part:
    """Nodes die, and are marked offline now."""

    def kill(site: Site) -> None:
        for name in names:
            site.cluster.power_off(name)
            site.cluster.mark(name, offline=True)

    return kill


def returns(*names: str) -> Part:
    """Nodes are alive again, and no longer marked."""

    def mark(site: Site) -> None:
        for name in names:
            site.cluster.power_on(name)
            site.cluster.mark(name, offline=False, drained=False)

    return mark


def marked(name: str, **said: bool) -> Part:
    """Somebody says something of a node."""
    return lambda site: site.cluster.mark(name, **said)


def apart() -> Part:
    """The mirror of web loses its connection, and is connected again by nobody."""

    def lose(site: Site) -> None:
        site.cluster.reconnects = False
        site.cluster.disconnect("web")

    return lose


def in_step() -> Part:
    """Somebody connects it."""
    return lambda site: site.cluster.reconnect("web")


def tagged(*tags: str) -> Part:
    """Somebody tags web."""
    return lambda site: site.cluster.instance("web").tags.update(TAG + tag for tag in tags)


def untagged(word: str) -> Part:
    """Somebody takes those of web's tags away that have a word in them."""

    def remove(site: Site) -> None:
        tags = site.cluster.instance("web").tags
        tags -= {tag for tag in tags if word in tag}

    return remove


def cluster_tagged(tag: str) -> Part:
    """Somebody tags the cluster."""
    return lambda site: site.cluster.tags.add(TAG + tag)


def cluster_untagged(tag: str) -> Part:
    """Somebody takes a tag off the cluster."""
    return lambda site: site.cluster.tags.discard(TAG + tag)


def time_goes_by(seconds: float) -> Part:
    """Time goes by."""
    return lambda site: site.simulator.advance(seconds)


def a_round(**limits: Any) -> Part:
    """A round is played, and its jobs end."""

    def play(site: Site) -> None:
        site.run_round(unbraked(**limits))
        site.simulator.advance_until_idle()

    return play


def a_round_begins(site: Site) -> None:
    """A round is played, and its jobs are under way."""
    site.run_round()


def a_failover_by_hand(site: Site) -> None:
    """A person fails web over."""
    site.simulator.ask("PUT", "/2/instances/web/failover", {"iallocator": "hail"})


def in_doubt(node: str) -> Part:
    """A repair has noted that web's copy on a node is not its newest data."""
    return lambda site: site.cluster.instance("web").tags.add(
        f"ganeti:watcher:nodewatch:behind:{site.cluster.node(node).uuid}:1800000000"
    )


def dies_unseen(name: str) -> Part:
    """A node dies, and nobody marks it."""
    return lambda site: site.cluster.power_off(name)


def allocator(name: str) -> Part:
    """The cluster's allocator is that."""
    return lambda site: setattr(site.cluster, "default_iallocator", name)


def jobs_fail(text: str, times: int = 1) -> Part:
    """The next failovers of web fail."""
    return lambda site: site.simulator.troubles.add(
        JobTrouble("OP_INSTANCE_FAILOVER", instance="web", text=text, times=times)
    )


def template(name: str) -> Part:
    """The disk template of web has this name."""
    return lambda site: setattr(site.cluster.instance("web"), "disk_template", name)


def requests_are_slow(name: str, seconds: float) -> Part:
    """The request for an instance's failover takes long to be answered."""

    def delay(site: Site) -> None:
        luxi = site.transport == "luxi"
        method, path = ("SubmitJob", f"*FAILOVER* {name}") if luxi else ("PUT", f"/2/instances/{name}/failover")
        site.simulator.faults.add(RequestFault(method, path, DELAY, seconds=seconds))

    return delay


def disks_free(storage: int, *names: str) -> Part:
    """Nodes have so many MiB of disk free."""

    def leave(site: Site) -> None:
        for name in names:
            site.cluster.leave_free(name, storage=storage)

    return leave


def disks_taken(storage: int, *names: str) -> Part:
    """Another instance leaves so many MiB of disk free on each of these nodes."""

    def fill(site: Site) -> None:
        for name in names:
            size = site.cluster.storage_free(site.cluster.node(name)) - storage
            site.cluster.add_instance(f"on-{name}", "plain", name, disks=[size], memory=0)

    return fill


def memory_free(memory: int, *names: str) -> Part:
    """Nodes have so many MiB of memory free."""

    def leave(site: Site) -> None:
        for name in names:
            site.cluster.leave_free(name, memory=memory)

    return leave


def alloc_policy(policy: str) -> Part:
    """Somebody sets the allocation policy of web's group."""
    return lambda site: setattr(site.cluster.groups["default"], "alloc_policy", policy)


def own_copy(node: str, state: int | None) -> Part:
    """What DRBD on a node says of its own copy of web's disks."""
    return lambda site: site.cluster.instance("web").own_copies.update({node: state})


def queue(drained: bool) -> Part:
    """Somebody drains the job queue, or opens it."""
    return lambda site: setattr(site.cluster.queue, "drained", drained)


def watcher_pauses(seconds: float) -> Part:
    """Somebody pauses the watcher for a time."""
    return lambda site: setattr(site.cluster, "watcher_pause", site.cluster.clock.now() + seconds)


def claimed_for(seconds: int) -> Part:
    """Somebody else claims the cluster for a time."""
    return lambda site: site.cluster.tags.add(f"{TAG}claim:somebody:{int(site.cluster.clock.now()) + seconds}")


def reserved(forthcoming: bool) -> Part:
    """Web is but a reservation, or one no more."""
    return lambda site: setattr(site.cluster.instance("web"), "forthcoming", forthcoming)


BROKEN = (instance(), dies("node3"))
DB_TOO = (instance(name="db"), *BROKEN)
STORM = (*BROKEN, dies("node1", "node5"), instance(name="app"), lambda site: spread(site, "node1", "node5"))


def spread(site: Site, *names: str) -> None:
    """Each of these nodes holds an instance."""
    for name in names:
        site.cluster.add_instance(f"on-{name}", "rbd", name)


ROWS = (
    Row(
        "its node is dead, but nobody has marked it",
        Reason.HEALTHY,
        "No instance is on a node marked offline or drained.",
        (instance(), lambda site: site.cluster.power_off("node3")),
        (marked("node3", offline=True),),
    ),
    Row(
        "it is a reservation, not an instance yet",
        Reason.FORTHCOMING,
        "it is forthcoming: a reservation, not an instance yet; it is left alone",
        (*BROKEN, tagged("pending:failover:asked-for:1700000000:", "suspend:1"), reserved(True)),
        (reserved(False),),
    ),
    Row(
        "the round is for others",
        Reason.NOT_CHOSEN,
        "not among the instances that this round is limited to",
        DB_TOO,
        (),
        limits={"instances": ("db",)},
        later={},
    ),
    Row(
        "its repair failed",
        Reason.REPAIR_FAILED,
        "its failover repair failed (the disk is on fire); once it has been investigated: gnt-instance remove-tags",
        (*BROKEN, jobs_fail("the disk is on fire"), a_round(retries=0), a_round(retries=0)),
        (untagged(":failure:"),),
    ),
    Row(
        "it is allowed something that nobody can read",
        Reason.UNREADABLE_TAG,
        "can't be read: failovr is not a repair type",
        (*BROKEN, tagged("failovr")),
        (untagged("failovr"),),
    ),
    Row(
        "nobody can read which repair it has",
        Reason.UNREADABLE_TAG,
        "can't be read: soon is not a timestamp in seconds; correct it or remove it",
        (*BROKEN, tagged("pending:failover:id:soon:")),
        (untagged("soon"),),
    ),
    Row(
        "its disk template is newer than this collection",
        Reason.NOT_KNOWN,
        "unsupported disk template nvmeof",
        (*BROKEN, template("nvmeof")),
        (template("rbd"),),
    ),
    Row(
        "its data is on a drained node alone",
        Reason.NO_SAFE_REPAIR,
        "no automatic repair preserves the data of a plain instance on a drained node; you can move it with its data:",
        (instance("plain"), marked("node3", drained=True)),
        (returns("node3"),),
        repaired=False,
    ),
    Row(
        "no tag allows anything",
        Reason.NOT_ALLOWED,
        "failover is needed, but no tag allows a repair",
        (instance(allow=""), dies("node3")),
        (cluster_tagged("failover"),),
    ),
    Row(
        "its own tag allows less, which is noted already",
        Reason.NOT_ALLOWED,
        "failover is needed, but its own tag allows migrate",
        (*BROKEN, tagged("migrate"), a_round()),
        (untagged("migrate"),),
    ),
    Row(
        "its disks would be given up while somebody else repairs it",
        Reason.OTHER_REPAIR,
        "disks are not given up while somebody else's repair is pending; deal with it, or remove its tag:",
        (instance("plain"), dies("node3"), tagged(OWN, OTHERS)),
        (untagged("somebody-else"),),
    ),
    Row(
        "it was repaired just now",
        Reason.FLAPPING,
        "s, so it is left alone until",
        (
            *BROKEN,
            a_round(),
            a_round(repair_window=3600),
            lambda site: dies(site.cluster.instance("web").primary)(site),
        ),
        (time_goes_by(3600),),
        limits={"max_repairs_per_window": 1, "repair_window": 3600},
    ),
    Row(
        "its last good copy is on a drained node",
        Reason.LAST_COPY_DRAINED,
        "is no longer drained: it holds the only copy",
        (instance("drbd", "node2"), dies("node3"), marked("node2", drained=True)),
        (marked("node2", drained=False),),
    ),
    Row(
        "a repair of it has stopped half-way",
        Reason.BEHIND,
        "are not known to hold its data; a step stopped half-way there",
        (instance("drbd", "node2"), in_doubt("node3")),
        (untagged(":behind:"), dies("node3")),
    ),
    Row(
        "the copy that is left was not in sync",
        Reason.BEHIND,
        "so its newest data is on node3; to continue without what was written since then, which is lost: "
        "ansible-playbook",
        (instance("drbd", "node2"), in_doubt("node2"), dies("node3")),
        (untagged(":behind:"),),
    ),
    Row(
        "a node elsewhere is dead, and nobody has marked it",
        Reason.NODE_SILENT,
        "node node5 does not answer the allocator (node5 does not answer and is not marked",
        (instance("drbd", "node2"), dies("node2"), dies_unseen("node5"), a_round()),
        (marked("node5", offline=True),),
    ),
    Row(
        "its mirror is apart, and its primary drained",
        Reason.NOT_IN_STEP,
        "the copy that it would move to is not in sync (the copy on node2 is not in sync with that on node3",
        (instance("drbd", "node2"), apart(), marked("node3", drained=True), a_round()),
        (in_step(), time_goes_by(60)),
    ),
    Row(
        "the allocator is not installed",
        Reason.NO_ALLOCATOR,
        "the allocator can't be run on the master (the allocator hale is not installed on the master",
        (instance("drbd", "node2"), dies("node2"), allocator("hale"), a_round()),
        (allocator("hail"), time_goes_by(60)),
    ),
    Row(
        "its secondary was rebooted, and its disks are not assembled there",
        Reason.SECONDARY_STATE,
        "disk 0 on node2 is not assembled, so it is not known whether that copy is up to date (secondary_state:",
        (instance("drbd", "node2"), dies("node3"), own_copy("node2", None)),
        (own_copy("node2", COPIES["up to date"]),),
        limits={"secondary_state": SecondaryState.UPTODATE},
        in_rounds_only="both",
    ),
    Row(
        "its group has no other node",
        Reason.NO_NODE,
        "add a node to the group, or bring one back",
        (instance("drbd", "node2"), dies("node2"), marked("node1", drained=True), marked("node4", drained=True)),
        (returns("node4"),),
    ),
    Row(
        "its disks are larger than any node's",
        Reason.NO_NODE,
        "no node of group default can ever take it: it needs a node with",
        (instance("plain"), dies("node3"), disks_free(1023, "node1", "node2", "node4")),
        (disks_free(1024, "node2"),),
    ),
    Row(
        "its group takes no instances",
        Reason.NO_NODE,
        "the alloc_policy of its group default is unallocable",
        (instance("plain"), dies("node3"), alloc_policy("unallocable")),
        (alloc_policy("last_resort"),),
    ),
    Row(
        "its repair is under way",
        Reason.JOB_UNDER_WAY,
        "INSTANCE_FAILOVER) has been in progress since 2027-01-15T08:00:0",
        (*BROKEN, a_round_begins, time_goes_by(1)),
        (),
    ),
    Row(
        "somebody else's job is under way",
        Reason.OTHER_JOB,
        "(INSTANCE_FAILOVER) has been in progress since 2027-01-15T08:00:0",
        (*BROKEN, tagged("pending:failover:asked-for:1700000000:"), a_failover_by_hand, time_goes_by(1)),
        (),
        repaired=False,
    ),
    Row(
        "its new primary dies as soon as it is there",
        Reason.JUST_CHANGED,
        "has just fixed it; checking again after",
        (*BROKEN, a_round(), lambda site: dies(site.cluster.instance("web").primary)(site)),
        (time_goes_by(60),),
    ),
    Row(
        "its job failed, and is tried again",
        Reason.TRIED_AGAIN,
        "failed (a hiccup); trying again after",
        (*BROKEN, jobs_fail("a hiccup"), a_round()),
        (time_goes_by(60),),
    ),
    Row(
        "no other node has room for its disks",
        Reason.NO_ROOM,
        "no room in group default: it needs a node with 1024 MiB of disk and 512 MiB of memory free",
        (instance("plain"), dies("node3"), disks_taken(1023, "node1", "node2", "node4")),
        (disks_free(1024, "node2"),),
    ),
    Row(
        "the allocator found no node, and is asked again",
        Reason.NO_ROOM,
        "no room for it (no other node of its group can take it; to see what is free: gnt-node list",
        (
            instance("drbd", "node2"),
            dies("node2"),
            memory_free(1, "node1", "node4"),
            a_round(),
        ),
        (memory_free(9999, "node4"), time_goes_by(60)),
    ),
    Row(
        "the whole cluster is stopped",
        Reason.STOPPED,
        "held: the cluster is stopped by its tag ganeti:watcher:autorepair:stop",
        (*BROKEN, tagged("failover"), cluster_tagged("stop")),
        (cluster_untagged("stop"),),
    ),
    Row(
        "it is suspended",
        Reason.SUSPENDED,
        "suspended by its instance until the suspend tag is removed",
        (*BROKEN, tagged("suspend")),
        (untagged("suspend"),),
    ),
    Row(
        "half of the nodes are offline",
        Reason.BREAKER,
        "nodes hold instances and are offline; max_unhealthy (40%) allows",
        STORM,
        (returns("node5"), a_round(**HALF), time_goes_by(600)),
        limits=HALF,
    ),
    Row(
        "fewer nodes are offline than rounds are for",
        Reason.BREAKER,
        "offline; unhealthy_range allows",
        BROKEN,
        (dies("node5"), lambda site: site.cluster.add_instance("app", "rbd", "node5")),
        limits={"unhealthy_range": (2, 3)},
    ),
    Row(
        "half of the nodes were offline until just now",
        Reason.STORM_COOLDOWN,
        "were offline recently; the breaker stays tripped until",
        (*STORM, a_round(**HALF), returns("node5"), a_round(**HALF)),
        (time_goes_by(600),),
        limits=HALF,
    ),
    Row(
        "the job queue is drained",
        Reason.QUEUE_DRAINED,
        "held: the job queue is drained",
        (*BROKEN, queue(drained=True)),
        (queue(drained=False),),
        in_rounds_only="rapi",
    ),
    Row(
        "the watcher is paused",
        Reason.WATCHER_PAUSED,
        "held: the watcher is paused until",
        (*BROKEN, watcher_pauses(600)),
        (time_goes_by(600),),
        over="luxi",
    ),
    Row(
        "its node was marked just now",
        Reason.SETTLE_TIME,
        "was last changed less than 300 s ago; waiting until",
        BROKEN,
        (time_goes_by(300),),
        limits={"settle_time": 300},
    ),
    Row(
        "it is too early in the day",
        Reason.WINDOWS,
        "held: failover may begin at",
        BROKEN,
        (time_goes_by(3600),),
        limits={"windows": OFFICE},
    ),
    Row(
        "nobody has confirmed that its node is off",
        Reason.FENCING,
        "is off (fencing: confirmed)",
        BROKEN,
        (),
        limits={"fencing": Fencing.CONFIRMED},
        later={"fencing": Fencing.CONFIRMED, "fenced_nodes": ("node3",)},
    ),
    Row(
        "Ganeti has its node as powered on",
        Reason.FENCING,
        "as powered on (fencing: powered_off)",
        (*BROKEN, marked("node3", powered=True)),
        (marked("node3", powered=False),),
        limits={"fencing": Fencing.POWERED_OFF},
    ),
    Row(
        "Ganeti knows nothing of its node's power",
        Reason.FENCING,
        "is powered on: it has no oob_program (fencing: powered_off)",
        BROKEN,
        (marked("node3", powered=False),),
        limits={"fencing": Fencing.POWERED_OFF},
    ),
    Row(
        "its node was marked too short a time before",
        Reason.MIN_OFFLINE_AGE,
        "was last changed less than 900 s ago; waiting until",
        BROKEN,
        (time_goes_by(900),),
        limits={"min_offline_age": 900},
    ),
    Row(
        "enough repairs are under way",
        Reason.MAX_IN_FLIGHT,
        " at once",
        DB_TOO,
        (),
        limits={"max_in_flight": 1},
    ),
    Row(
        "enough repairs are under way on its node",
        Reason.MAX_PER_NODE,
        "at once on node",
        (instance("drbd", "node2", name="db"), instance("drbd", "node2"), dies("node3")),
        (),
        limits={"max_per_node": 1},
    ),
    Row(
        "enough repairs are under way in its group",
        Reason.MAX_PER_GROUP,
        "at once in group",
        DB_TOO,
        (),
        limits={"max_per_group": 1},
    ),
    Row(
        "it broke after a plan was approved, which the run follows",
        Reason.NOT_APPROVED,
        "held: it is not in the approved plan",
        BROKEN,
        (),
        limits={"approved_repairs": {}},
        later={},
    ),
    Row(
        "another round writes",
        Reason.CLAIMED,
        "held: the cluster is claimed by",
        (*BROKEN, claimed_for(200)),
        (time_goes_by(200),),
        in_rounds_only="both",
    ),
    Row(
        "the round has come to the end of its claim",
        Reason.CLAIM_OVER,
        "held: this round's claim is about to expire",
        (*DB_TOO, requests_are_slow("db", 200)),
        (),
        in_rounds_only="both",
    ),
)


# --- what is seen ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.why.value}: {row.sentence}")
def test_a_reason(site: Site, row: Row) -> None:
    """Nothing is written for web; facts, result and report say why; without the obstacle it is repaired."""
    for part in row.before:
        part(site)
    limits = unbraked(**row.limits)
    shown = row.why.value if row.in_rounds_only not in (site.transport, "both") else None
    if row.over and row.over != site.transport:  # nobody can tell, so nothing is held
        assert looked_at(site, row)["why"] is None
    else:
        seen = looked_at(site, row)
        assert seen["why"] == shown
        site.simulator.log.clear()
        played = site.run_round(limits)
        assert played.trouble is None
        told = result(played, check_mode=False)
        why = [] if row.why in (Reason.HEALTHY, Reason.FORTHCOMING, Reason.NOT_CHOSEN) else [row.why.value]
        assert [one["why"] for one in told["actions"] if one["instance"] == "web"] == why
        assert [entry for entry in site.simulator.log.writes() if "web" in entry.request.path] == []
        assert row.words in on_one_line(told["report"])
    for part in row.after:
        part(site)
    site.play_until_quiet(limits=unbraked(**(row.limits if row.later is None else row.later)))
    assert site.state("web") == "healthy"
    assert any(":success:" in tag for tag in site.tags("web")) == row.repaired


def looked_at(site: Site, row: Row) -> Mapping[str, Any]:
    """What the facts have of web."""
    found = facts(site.plan_round(unbraked(**row.limits)))["instances"]
    return next(one for one in found if one["name"] == "web")


def on_one_line(lines: list[str]) -> str:
    return " ".join(" ".join(lines).split())


def test_every_reason_has_a_row() -> None:
    """The table above is whole, but for what is about the cluster: test_wrong_clocks.py has that."""
    assert {row.why for row in ROWS} == set(Reason) - {Reason.WRONG_CLOCK}


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.why.value}: {row.sentence}")
def test_the_page_has_the_words(row: Row) -> None:
    """Whoever looks for the words of a report in docs/why-it-did-not-repair.md finds them, at their reason."""
    (section,) = [text for text in PAGE.read_text().split("\n### ") if text.startswith(row.why.value + "\n")]
    assert row.words in on_one_line(section.splitlines())
