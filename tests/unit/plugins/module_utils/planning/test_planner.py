# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The whole plan: which nodes are named to be fenced, and for what is asked once."""

from __future__ import annotations

from dataclasses import replace

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    OFFLINE,
    ONLINE,
    Placed,
    at_most,
    cluster,
    drbd,
    marked,
    node,
    pending,
    plain,
    rbd,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient
from unit.plugins.module_utils.planning.gates.cases import ALLOW, BOTH, HOUR, OFTEN, shut_by

from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import claim_tag
from unbraked import unbraked


def domain(name: str, at: str) -> Placed:
    """An instance on a node that is called so."""
    one = rbd(name, OFFLINE)
    (node,) = one.nodes
    return Placed(replace(one.instance, primary=at), (replace(node, name=at),))


# --- the nodes that somebody should see to --------------------------------------------------------------------------

UNSURE = {"fencing": Fencing.CONFIRMED}
ELSE = pending("reinstall", repair="theirs", at=999)
TO_FENCE = [
    ("a dead primary", rbd("web1", OFFLINE), {}, {}, ["web1-p"]),
    ("both nodes before new disks", BOTH, {}, {}, ["web1-p", "web1-s"]),
    ("one that is confirmed no more", BOTH, {"fenced_nodes": ("web1-p",)}, {}, ["web1-s"]),
    ("the dead primary alone before a failover", drbd("web1", OFFLINE, ONLINE), {}, {}, ["web1-p"]),
    ("none before a replacement", drbd("web1", ONLINE, OFFLINE), {}, {}, []),
    ("none for what a storm holds", rbd("web1", OFFLINE), {"max_unhealthy": at_most("0")}, {}, []),
    ("none for what cools down", rbd("web1", OFFLINE), {}, {"tags": [*ALLOW, tag(f"breaker:{NOW + 1}")]}, []),
    ("none for what a pause holds", rbd("web1", OFFLINE), {}, {"watcher_paused_until": NOW + 1}, []),
    ("none while the job queue is drained", rbd("web1", OFFLINE), {}, {"queue_drained": True}, []),
    ("none while another round writes", rbd("web1", OFFLINE), {}, {"tags": [*ALLOW, claim_tag("x", NOW + 1)]}, []),
    ("but after its end", rbd("web1", OFFLINE), {}, {"tags": [*ALLOW, claim_tag("x", NOW)]}, ["web1-p"]),
    ("none for what is too young to begin", rbd("web1", OFFLINE), {"settle_time": 1}, {}, []),
    ("none for what is too young to be sure", rbd("web1", OFFLINE), {"min_offline_age": 1}, {}, []),
    ("none for what flaps", rbd("web1", OFFLINE, *OFTEN), {"repair_window": HOUR}, {}, []),
    ("none for what waits for its hour", rbd("web1", OFFLINE), shut_by("failover"), {}, []),
    ("none for what is suspended", rbd("web1", OFFLINE, tag("suspend")), {}, {}, []),
    ("none for what nobody allows", rbd("web1", OFFLINE, tag("migrate")), {}, {}, []),
    ("none for what somebody else repairs", plain("web1", OFFLINE, pending("reinstall"), ELSE), {}, {}, []),
    ("none for what has no room", plain("web1", OFFLINE, memory=9001), {}, {}, []),
    ("none for what has to wait for others", rbd("web1", OFFLINE), {"max_in_flight": 0}, {}, []),
    ("none outside of what the round is limited to", rbd("web1", OFFLINE), {"instances": ("well",)}, {}, []),
    ("none with proof by the mark", rbd("web1", OFFLINE), {"fencing": Fencing.OFFLINE_FLAG}, {}, []),
    ("none where Ganeti alone can tell", rbd("web1", OFFLINE), {"fencing": Fencing.POWERED_OFF}, {}, []),
]


def named_to_fence(*members, limits, **more):
    """The nodes that a plan names to be fenced."""
    one = cluster(*members, rbd("well", ONLINE), node("a"), node("b"), **{"tags": ALLOW, **more})
    client = FakeClient(one, room=dict.fromkeys("ab", (9000, 9000)))
    return list(plan_round(client, unbraked(**{**UNSURE, **limits}), NOW).fence)


@pytest.mark.parametrize(
    ("one", "limits", "more", "names"), [row[1:] for row in TO_FENCE], ids=[row[0] for row in TO_FENCE]
)
def test_nodes_to_fence_are(one, limits, more, names):
    """Those whose instances nothing else holds: nobody is to pull a plug for nothing."""
    others = [marked(rbd("x1", OFFLINE, tag("suspend")), changed=NOW)] if "max_unhealthy" in limits else []
    assert named_to_fence(marked(one, changed=NOW), *others, limits=limits, **more) == names


def test_nodes_to_fence_are_named_once_and_in_order():
    """However many instances wait for them; of more than may be under way those whose turn it is."""
    members = [domain("b", "node2"), domain("c", "node1"), domain("a", "node2")]
    assert named_to_fence(*members, limits={}) == ["node1", "node2"]
    assert named_to_fence(*members, limits={"max_in_flight": 2}) == ["node2"]


@pytest.mark.parametrize("names", [("web1-p",), ()], ids=["nothing waits", "something waits"])
def test_nodes_are_asked_for_their_room_once(names):
    """Also to tell where what waits could go if its node were off."""
    one = cluster(plain("web1", OFFLINE), node("a"), tags=ALLOW)
    client = FakeClient(one, room={"a": (9000, 9000)})
    plan_round(client, unbraked(fencing=Fencing.CONFIRMED, fenced_nodes=names), NOW)
    assert client.reads.count("node") == 2  # their states, and their room
