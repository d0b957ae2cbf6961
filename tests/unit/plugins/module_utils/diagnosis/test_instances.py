# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Health: every row of the table in the design's section 3, for every disk template and every kind of instance."""

from __future__ import annotations

from itertools import product

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    FAILOVER,
    FIX_STORAGE,
    LOCAL,
    MIGRATE,
    MISSING,
    OFFLINE,
    ONLINE,
    REINSTALL,
    SHARED,
    UNKNOWN,
    drbd,
    node,
    placed,
    plain,
    rbd,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.diagnosis.instances import DrainedSecondaries, diagnose
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import (
    TEMPLATE_CLASSES,
    Instance,
    NodeState,
    TemplateClass,
)


def _health(one):
    """The judgement of an instance on its own nodes."""
    return diagnose(one.instance, {other.name: other for other in one.nodes})


def _told(health):
    """Its steps, as words, and what has to be allowed for each and for all."""
    return [(step.operation.value, step.needs) for step in health.steps], health.needs


REPLACE, FAIL_OVER, MOVE = ("replace-disks", FIX_STORAGE), ("failover", FAILOVER), ("migrate", MIGRATE)
MOVE_STOPPED, RECREATE, AGAIN = ("failover", MIGRATE), ("recreate-disks", REINSTALL), ("reinstall", REINSTALL)
MARKED = [
    RECREATE,
    ("mark-down", REINSTALL),
    AGAIN,
    ("mark-offline", REINSTALL),
]  # Ganeti reinstalls none marked offline

# primary, secondary, the steps for a running instance
MIRRORED = [
    ("both nodes online", ONLINE, ONLINE, [], None),
    ("the secondary is offline", ONLINE, OFFLINE, [REPLACE], FIX_STORAGE),
    ("the secondary is drained", ONLINE, DRAINED, [REPLACE], FIX_STORAGE),
    ("the primary is drained", DRAINED, ONLINE, [MOVE, REPLACE], MIGRATE),
    ("drained and offline", DRAINED, OFFLINE, [REPLACE, MOVE, REPLACE], MIGRATE),
    ("both nodes drained", DRAINED, DRAINED, [REPLACE, MOVE, REPLACE], MIGRATE),
    ("the primary is offline", OFFLINE, ONLINE, [FAIL_OVER, REPLACE], FAILOVER),
    ("the last copy is on a drained node", OFFLINE, DRAINED, [FAIL_OVER, REPLACE], FAILOVER),
    ("both nodes offline", OFFLINE, OFFLINE, [RECREATE, AGAIN], REINSTALL),
]
KINDS = [
    ("up", False, MOVE),
    ("up", True, FAIL_OVER),
    ("down", False, MOVE_STOPPED),
    ("down", True, MOVE_STOPPED),
    ("offline", False, MOVE_STOPPED),
    ("offline", True, MOVE_STOPPED),
]


@pytest.mark.parametrize(("admin", "always_failover", "move"), KINDS, ids=[f"{kind[0]}, {kind[1]}" for kind in KINDS])
@pytest.mark.parametrize(
    ("primary", "secondary", "wanted", "needs"), [row[1:] for row in MIRRORED], ids=[row[0] for row in MIRRORED]
)
def test_a_mirrored_instance(primary, secondary, wanted, needs, admin, always_failover, move):
    """The rows `mirrored`; a migration becomes what the instance's kind makes of it."""
    wanted = [move if step == MOVE else step for step in wanted]
    wanted = MARKED if RECREATE in wanted and admin == "offline" else wanted
    needs = max((need for _name, need in wanted), default=None)
    health = _health(drbd("web1", primary, secondary, admin_state=admin, always_failover=always_failover))
    assert _told(health) == (wanted, needs)
    assert health.is_healthy == (not wanted)
    assert not health.advice
    assert not health.unknown


# primary, secondary, the steps where a secondary may stay on a drained node; "as ever" where the table above counts
KEPT = [
    ("both nodes online", ONLINE, ONLINE, "as ever"),
    ("the secondary is offline", ONLINE, OFFLINE, "as ever"),
    ("the secondary is drained: it stays", ONLINE, DRAINED, []),
    ("the primary is drained: the instance moves, and the node stays its secondary", DRAINED, ONLINE, [MOVE]),
    ("drained and offline: nothing moves to a dead node", DRAINED, OFFLINE, [REPLACE, MOVE]),
    ("both nodes drained: Ganeti moves nothing to a drained one", DRAINED, DRAINED, [REPLACE, MOVE]),
    ("the primary is offline", OFFLINE, ONLINE, "as ever"),
    ("the last copy is on a drained node", OFFLINE, DRAINED, "as ever"),
    ("both nodes offline", OFFLINE, OFFLINE, "as ever"),
    ("nobody knows the secondary's state", ONLINE, UNKNOWN, "as ever"),
    ("nobody knows the primary's state", UNKNOWN, DRAINED, "as ever"),
]


@pytest.mark.parametrize(("admin", "always_failover", "move"), KINDS, ids=[f"{kind[0]}, {kind[1]}" for kind in KINDS])
@pytest.mark.parametrize(("primary", "secondary", "wanted"), [row[1:] for row in KEPT], ids=[row[0] for row in KEPT])
def test_where_drained_secondaries_are_kept(primary, secondary, wanted, admin, always_failover, move):
    """A drained node is only emptied of what has its primary there."""
    one = drbd("web1", primary, secondary, admin_state=admin, always_failover=always_failover)
    nodes = {other.name: other for other in one.nodes}
    usual, kept = diagnose(one.instance, nodes), diagnose(one.instance, nodes, DrainedSecondaries.KEEP)
    assert usual == diagnose(one.instance, nodes, DrainedSecondaries.REPLACE)
    if wanted == "as ever":
        assert kept == usual
        return
    assert _told(kept)[0] == [move if step == MOVE else step for step in wanted]
    assert kept.problem == (usual.problem if wanted else "") and kept.is_healthy == (not wanted)
    assert not (kept.advice or kept.waits_for or kept.unknown)


@pytest.mark.parametrize("admin", ["up", "down", "offline"])
@pytest.mark.parametrize("drained", DrainedSecondaries, ids=lambda drained: drained.value)
@pytest.mark.parametrize(("primary", "secondary"), list(product((ONLINE, DRAINED, OFFLINE), repeat=2)))
def test_the_steps_lead_to_health(primary, secondary, drained, admin):
    """From every state, with either value; none goes to a node that is not online, and no resync is in vain."""
    one = drbd("web1", primary, secondary, admin_state=admin)
    health = diagnose(one.instance, {other.name: other for other in one.nodes}, drained)
    if health.waits_for:
        return
    for step in health.steps:
        name = step.operation.value
        if name == "replace-disks":
            assert primary is not OFFLINE and secondary is not ONLINE
            assert (secondary, drained) != (DRAINED, DrainedSecondaries.KEEP) or primary is DRAINED
            secondary = ONLINE
        elif name in ("migrate", "failover"):
            assert secondary is ONLINE
            primary, secondary = secondary, primary
        elif name == "recreate-disks":
            primary = secondary = ONLINE
    after = drbd("web1", primary, secondary, admin_state=admin)
    assert diagnose(after.instance, {other.name: other for other in after.nodes}, drained).is_healthy


@pytest.mark.parametrize("template", [*SHARED, *LOCAL])
@pytest.mark.parametrize("state", [ONLINE, DRAINED, OFFLINE, UNKNOWN], ids=lambda state: state.value)
def test_where_there_is_no_secondary_it_makes_no_difference(template, state):
    """It is about mirrors only."""
    one = placed("web1", template, state)
    nodes = {other.name: other for other in one.nodes}
    assert diagnose(one.instance, nodes, DrainedSecondaries.KEEP) == diagnose(one.instance, nodes)


@pytest.mark.parametrize(
    ("primary", "secondary", "needs"), [(*row[1:3], row[4]) for row in MIRRORED], ids=[row[0] for row in MIRRORED]
)
def test_the_repair_type_of_a_running_mirrored_instance(primary, secondary, needs):
    """The design's column "repair type"."""
    assert _health(drbd("web1", primary, secondary)).needs == needs


@pytest.mark.parametrize(
    ("primary", "secondary", "words"),
    [
        (ONLINE, OFFLINE, "secondary web1-s is offline"),
        (ONLINE, DRAINED, "secondary web1-s is drained"),
        (DRAINED, ONLINE, "primary web1-p is drained"),
        (DRAINED, OFFLINE, "primary web1-p is drained and secondary web1-s is offline"),
        (OFFLINE, OFFLINE, "primary web1-p is offline and secondary web1-s is offline"),
        (ONLINE, ONLINE, ""),
    ],
)
def test_the_problem_names_the_nodes(primary, secondary, words):
    """With their names, for a person at night."""
    assert _health(drbd("web1", primary, secondary)).problem == words


@pytest.mark.parametrize("primary", NodeState)
@pytest.mark.parametrize("secondary", NodeState)
def test_only_the_last_copy_on_a_drained_node_waits(primary, secondary):
    """Ganeti refuses failover to a drained node; the reason names the node."""
    waits_for = _health(drbd("web1", primary, secondary)).waits_for
    assert bool(waits_for) == ((primary, secondary) == (OFFLINE, DRAINED))
    assert not waits_for or ("web1-s" in waits_for and "only copy" in waits_for)


@pytest.mark.parametrize("template", SHARED)
@pytest.mark.parametrize(("admin", "always_failover", "move"), KINDS, ids=[f"{kind[0]}, {kind[1]}" for kind in KINDS])
def test_an_instance_on_shared_storage(template, admin, always_failover, move):
    """The rows `shared`."""

    def told(state):
        return _told(_health(placed("web1", template, state, admin_state=admin, always_failover=always_failover)))

    assert told(ONLINE) == ([], None)
    assert told(DRAINED) == ([move], move[1])
    assert told(OFFLINE) == ([FAIL_OVER], FAILOVER)


@pytest.mark.parametrize("template", LOCAL)
@pytest.mark.parametrize("admin", ["up", "down", "offline"])
def test_a_local_instance(template, admin):
    """The rows `local`: a drained node holds the only copy, which no step may touch."""
    online, drained, offline = (
        _health(placed("web1", template, state, admin_state=admin)) for state in (ONLINE, DRAINED, OFFLINE)
    )
    assert online.is_healthy
    assert _told(offline) == (MARKED if admin == "offline" else [RECREATE, AGAIN], REINSTALL)
    assert _told(drained) == ([], None)
    assert not drained.is_healthy
    assert drained.problem == "primary web1-p is drained"
    assert "gnt-instance move -n NODE web1" in drained.advice
    assert not offline.advice
    assert not drained.waits_for


def test_every_template_of_the_design_has_its_class():
    """And no other."""
    mirrored = [name for name, kind in TEMPLATE_CLASSES.items() if kind is TemplateClass.MIRRORED]
    shared = [name for name, kind in TEMPLATE_CLASSES.items() if kind is TemplateClass.SHARED]
    local = [name for name, kind in TEMPLATE_CLASSES.items() if kind is TemplateClass.LOCAL]
    assert (mirrored, sorted(shared), sorted(local)) == (["drbd"], sorted(SHARED), sorted(LOCAL))


# --- what is not known ----------------------------------------------------------------------------------------------

UNKNOWNS = [
    ("the primary's state is not known", plain("web1", UNKNOWN), "the state of the node web1-p is not known"),
    ("the primary is missing", plain("web1", MISSING), "the node web1-p is not in the cluster's answer"),
    ("the secondary's state is not known", drbd("web1", OFFLINE, UNKNOWN), "the state of the node web1-s is not known"),
    ("the secondary is missing", drbd("web1", OFFLINE, MISSING), "the node web1-s is not in the cluster's answer"),
    ("both are missing", drbd("web1", MISSING, MISSING), "the node web1-p is not"),
    ("a healthy primary, an unknown secondary", drbd("web1", ONLINE, UNKNOWN), "web1-s"),
    ("a template that is not known", placed("web1", "nvme", OFFLINE), "unsupported disk template nvme"),
    ("no template", placed("web1", "", OFFLINE), "disk template"),
    ("an admin state that is not known", plain("web1", OFFLINE, admin_state="frozen"), "admin state frozen"),
    (
        "a drbd instance without a secondary",
        placed("web1", "drbd", OFFLINE),
        "0 secondaries, but its disk template needs 1",
    ),
    (
        "a plain instance with one",
        placed("web1", "plain", OFFLINE, ONLINE),
        "1 secondaries, but its disk template needs 0",
    ),
    ("an rbd instance with one", placed("web1", "rbd", OFFLINE, ONLINE), "1 secondaries"),
    (
        "a value that did not come",
        rbd("web1", OFFLINE, missing_fields=("tags", "pnode")),
        "no usable value for its tags, pnode",
    ),
]


@pytest.mark.parametrize(("one", "words"), [row[1:] for row in UNKNOWNS], ids=[row[0] for row in UNKNOWNS])
def test_what_is_not_known_is_not_judged(one, words):
    """No steps, no problem, not whole: and the reason says what is missing."""
    health = _health(one)
    assert words in health.unknown
    assert (health.steps, health.problem, health.advice, health.is_healthy) == ((), "", "", False)


def test_a_mirrored_instance_with_two_secondaries_is_not_known():
    """Ganeti has none such."""
    two = Instance("web1", disk_template="drbd", primary="a", secondaries=("b", "c"))
    assert "2 secondaries" in diagnose(two, {name: node(name) for name in "abc"}).unknown


def test_whether_a_node_may_take_instances_says_nothing_about_its_health():
    """harep takes a node that is not vm_capable for an offline one."""
    one = plain("web1", MISSING).instance
    assert diagnose(one, {"web1-p": node("web1-p", ONLINE, vm_capable=False)}).is_healthy
