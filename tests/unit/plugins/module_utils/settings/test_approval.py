# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approve: what a hash knows of a plan, how plans differ in words, and that nothing else is done than was approved."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    DRAINED,
    NOW,
    OFFLINE,
    ONLINE,
    at_most,
    cluster,
    drbd,
    ended,
    fingerprint_in,
    hash_of,
    job,
    node,
    pending,
    plain,
    plan_of,
    rbd,
    settings,
    tag,
)
from unit.plugins.module_utils.fake import FakeClient, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption, Held
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import (
    carry_on,
    dry_run,
    limits_for_next_round,
    run_round,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.document import plan_data
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import within_approved
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings import approval
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.approval import (
    Approved,
    PlanDiffers,
    parse_approved,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import (
    ApprovedRepair,
    Fencing,
    resume_limits,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import breaker_tag, claim_tag
from unbraked import unbraked

ALLOW = [tag("reinstall")]
UNDONE = "it is healthy, and no step of the repair was done, so the repair ends without a result"
OVER = tag("suspend:1")
NONE = at_most("0")  # one node is let through


def check_approved(approved: Approved, plan: Mapping[str, Any]) -> None:
    """Whether a plan as data is the approved one."""
    approval.check_approved(approved, fingerprint_in(plan), plan)


def given(plan: object) -> Approved:
    """What was approved by giving `plan`, or the hash of one."""
    approved = parse_approved(plan)
    assert approved is not None
    return approved


def _plan(*members, now=NOW, limits=None, **more):
    """A plan as the facts have it."""
    return plan_data(plan_of(cluster(*members, **{"tags": ALLOW, **more}), now, **(limits or {})))


# --- what the hash knows --------------------------------------------------------------------------------------------

DEED = {
    "instance": "web1", "scope": "instance", "name": "web1", "action": "submit", "type": "failover", "id": None,
    "why": None, "steps": ["failover", "replace-disks"], "permitted": ["failover"], "nodes": [], "result": None,
    "cancel": [], "remove": [], "reason": "primary node1 is offline", "uuid": "uuid-web1",
    "on": ["node1 offline", "node2 online"], "after": None, "command": None,
}  # fmt: skip
ANOTHER = {**DEED, "instance": "web2", "name": "web2", "action": "finish", "result": "success", "steps": []}

OTHER_DEEDS = [
    ("another name", {"name": "web3"}),
    ("another kind of object", {"scope": "group"}),
    ("another kind of deed", {"action": "finish"}),
    ("another type", {"type": "reinstall"}),
    ("another repair", {"id": "r1"}),
    ("another step", {"steps": ["migrate", "replace-disks"]}),
    ("a step less", {"steps": ["failover"]}),
    ("other steps to come", {"steps": ["failover", "reinstall"]}),
    ("the steps in another order", {"steps": ["replace-disks", "failover"]}),
    ("a result", {"result": "success"}),
    ("a job to cancel", {"cancel": [7]}),
    ("a tag to remove", {"remove": [OVER]}),
    ("no deed any more", {"action": "hold"}),
    ("another instance of that name", {"uuid": "uuid-new"}),
    ("another node under it", {"on": ["node1 offline", "node3 online"]}),
    ("another state of a node", {"on": ["node1 offline", "node2 drained"]}),
    ("the next time, after a repair", {"after": "r0"}),
]
SAME_DEEDS = [
    ("other words", {"reason": "it is late"}),
    ("other nodes", {"nodes": ["node7", "node8"]}),
    ("another way to name it", {"instance": None}),
    ("a reason by name", {"why": "no_room"}),
    ("what is permitted", {"permitted": []}),
    ("a command for a person", {"command": "gnt-instance info web1"}),
    ("something that a later release may tell", {"colour": "green"}),
]


@pytest.mark.parametrize("change", [row[1] for row in OTHER_DEEDS], ids=[row[0] for row in OTHER_DEEDS])
def test_the_hash_is_another_for(change):
    """Else somebody would have said yes to this."""
    assert hash_of([{**DEED, **change}, ANOTHER], "") != hash_of([DEED, ANOTHER], "")


@pytest.mark.parametrize("change", [row[1] for row in SAME_DEEDS], ids=[row[0] for row in SAME_DEEDS])
def test_the_hash_is_the_same_for(change):
    """It may change from look to look without anything else being done."""
    assert hash_of([{**DEED, **change}, ANOTHER], "") == hash_of([DEED, ANOTHER], "")


@pytest.mark.parametrize("kind", ["none", "wait", "hold", "report"])
def test_what_writes_nothing_to_an_instance_is_not_in_the_hash(kind):
    """A plan in which nothing is done has the hash of an empty one."""
    assert hash_of([{**DEED, "action": kind}], "") == hash_of([], "")


@pytest.mark.parametrize("kind", ["submit", "finish", "lift", "refuse"])
def test_what_writes_is_in_the_hash(kind):
    """Each kind of deed."""
    assert hash_of([{**DEED, "action": kind}], "") != hash_of([], "")


def test_the_order_of_deeds_does_not_matter():
    """Nor the order of what is told of one; also not for two with one object, such as a lift and a repair."""
    lift = {**DEED, "action": "lift", "steps": [], "remove": [OVER]}
    turned = [dict(reversed(deed.items())) for deed in (ANOTHER, DEED, lift)]
    assert hash_of(turned, "") == hash_of([lift, DEED, ANOTHER], "")


def test_a_hash_has_64_digits_and_is_the_same_in_every_release():
    """People keep it in tickets and files."""
    assert hash_of([], "") == "7e09e12aa56148fe200ce1876b8e72ad40e7e50e10f52fd9c8f81959d37f2b69"
    assert hash_of([DEED], "") == "5f3ec2446f459b9921934ee8b3d79caff824ddc335f93dd8ff049a5276eec282"


def test_a_plan_goes_through_json_and_back():
    """From the facts to a file, and from there to the option."""
    plan = _plan(rbd("web1", OFFLINE, OVER), drbd("web2", OFFLINE, ONLINE), group_tags={"default": [OVER]})
    approved = given(json.loads(json.dumps(plan)))
    assert approved == Approved(plan["hash"], fingerprint_in(plan))
    check_approved(approved, plan)
    check_approved(given(plan["hash"]), plan)


def _stormy(now=NOW, **more):
    """Two of three nodes are dead, where one may be."""
    return _plan(
        rbd("a", OFFLINE), rbd("b", OFFLINE), rbd("c", ONLINE), now=now, limits={"max_unhealthy": NONE}, **more
    )


def test_a_breaker_s_memory_is_a_deed():
    """It writes a tag, though it holds everything else; on the cluster and on a group, each by itself."""
    noted = breaker_tag()
    plans = [
        _stormy(),
        _stormy(tags=[*ALLOW, noted]),
        _stormy(group_tags={"default": [noted]}),
        _stormy(tags=[*ALLOW, noted], group_tags={"default": [noted]}),
    ]
    assert len({plan["hash"] for plan in plans}) == len(plans)
    assert plans[-1]["hash"] == hash_of([], "")


def test_until_when_a_breaker_stays_shut_is_no_deed_of_its_own():
    """Else nobody could approve it: it is another time with each look."""
    calm = [
        _plan(rbd("a", ONLINE), now=now, tags=[breaker_tag()], limits={"storm_cooldown": 600}) for now in (NOW, NOW + 5)
    ]
    assert calm[0]["hash"] == calm[1]["hash"] != hash_of([], "")


def test_nothing_is_a_deed_while_the_job_queue_is_drained():
    """What was to be lifted, removed or noted is held, too."""
    plan = _plan(
        rbd("web1", ONLINE, OVER), tags=[OVER, breaker_tag()], group_tags={"default": [OVER]}, queue_drained=True
    )
    assert plan["hash"] == hash_of([], "")


# --- what differs ---------------------------------------------------------------------------------------------------

ONE = rbd("web1", OFFLINE)
GOES_ON = drbd("web1", ONLINE, OFFLINE, pending("fix-storage", "7", repair="r2"))
DIFFERENT = [
    (
        "one more",
        ([ONE], {}),
        ([ONE, rbd("web2", OFFLINE)], {}),
        ["web2: approved was nothing, now it is submit failover (web2-p offline)"],
    ),
    (
        "one less",
        ([ONE, rbd("web2", OFFLINE)], {}),
        ([ONE, rbd("web2", ONLINE)], {}),
        ["web2: approved was submit failover (web2-p offline), now it is nothing"],
    ),
    (
        "another step",
        ([ONE], {}),
        ([rbd("web1", DRAINED)], {}),
        ["web1: approved was submit failover (web1-p offline), now it is submit migrate (web1-p drained)"],
    ),
    (
        "more steps",
        ([drbd("web1", DRAINED, ONLINE)], {}),
        ([drbd("web1", DRAINED, OFFLINE)], {}),
        [
            "web1: approved was submit migrate, then replace-disks (web1-p drained, web1-s online), "
            "now it is submit replace-disks, then migrate, then replace-disks (web1-p drained, web1-s offline)"
        ],
    ),
    (
        "what is done is held now",
        ([ONE], {}),
        ([rbd("web1", OFFLINE, tag("suspend"))], {}),
        [
            "web1: approved was submit failover (web1-p offline), now it is hold "
            "(primary web1-p is offline; suspended by its instance until the suspend tag is removed)"
        ],
    ),
    (
        "what was held is done now",
        ([ONE], {"limits": {"max_in_flight": 0}}),
        ([ONE], {}),
        [
            "web1: approved was hold (primary web1-p is offline; held: max_in_flight allows 0 repairs of instances "
            "that are down at once), now it is submit failover (web1-p offline)"
        ],
    ),
    (
        "the same step off another node",
        ([ONE], {}),
        ([replace(ONE, instance=replace(ONE.instance, primary="other"), nodes=(node("other", OFFLINE),))], {}),
        ["web1: approved was submit failover (web1-p offline), now it is submit failover (other offline)"],
    ),
    (
        "what writes nothing, and something else than before, is not told",
        ([rbd("web0", OFFLINE, tag("suspend"))], {}),
        ([rbd("web0", OFFLINE, ended("failure")), ONE], {}),
        ["web1: approved was nothing, now it is submit failover (web1-p offline)"],
    ),
    (
        "an end in place of a step",
        ([rbd("web1", OFFLINE, pending())], {}),
        ([rbd("web1", ONLINE, pending())], {}),
        [f"web1: approved was submit failover (web1-p offline), now it is finish ({UNDONE})"],
    ),
    (
        "a lift on a group",
        ([ONE], {}),
        ([ONE], {"group_tags": {"default": [OVER]}}),
        ["group default: approved was nothing, now it is lift (its suspend has expired)"],
    ),
    (
        "a lift on the cluster",
        ([ONE], {"tags": [*ALLOW, OVER]}),
        ([ONE], {}),
        ["cluster: approved was lift (its suspend has expired), now it is nothing"],
    ),
    (
        "a group and an instance of one name",
        ([rbd("web1", ONLINE, group="web1")], {}),
        ([rbd("web1", OFFLINE, group="web1")], {"group_tags": {"web1": [OVER]}}),
        [
            "group web1: approved was nothing, now it is lift (its suspend has expired)",
            "web1: approved was nothing, now it is submit failover (web1-p offline)",
        ],
    ),
    (
        "two at once",
        ([ONE], {}),
        ([rbd("web0", OFFLINE), rbd("web1", ONLINE)], {}),
        [
            "web1: approved was submit failover (web1-p offline), now it is nothing",
            "web0: approved was nothing, now it is submit failover (web0-p offline)",
        ],
    ),
]


@pytest.mark.parametrize(("was", "now", "lines"), [row[1:] for row in DIFFERENT], ids=[row[0] for row in DIFFERENT])
def test_what_differs_is_told(was, now, lines):
    """A line for each object with which something else would be done, and for no other."""
    approved, plan = (_plan(*members, **more) for members, more in (was, now))
    with pytest.raises(PlanDiffers) as caught:
        check_approved(given(approved), plan)
    assert caught.value.details["differences"] == lines
    assert str(caught.value) == (
        "the plan is not the approved one, so nothing was done; what differs: " + "; ".join(lines)
    )


def test_a_failure_carries_the_plan_that_it_would_be_now():
    """So that this one can be approved."""
    approved, plan = _plan(ONE), _plan(ONE, rbd("web2", OFFLINE))
    with pytest.raises(PlanDiffers) as caught:
        check_approved(given(approved), plan)
    assert caught.value.details == {
        "failure": "PlanDiffers",
        "differences": ["web2: approved was nothing, now it is submit failover (web2-p offline)"],
        "plan": plan,
        "approved_hash": approved["hash"],
    }
    check_approved(given(caught.value.details["plan"]), plan)


def test_a_plan_for_another_cluster_is_not_this_one():
    """Though all names are the same."""
    one = cluster(ONE, tags=ALLOW)
    approved, plan = (plan_data(plan_of(replace(one, uuid=uuid))) for uuid in ("east", "west"))
    with pytest.raises(PlanDiffers) as caught:
        check_approved(given(approved), plan)
    assert caught.value.details["differences"] == ["it was made for another cluster"]
    with pytest.raises(PlanDiffers, match="what it would do now: web1: submit failover"):
        check_approved(given(approved["hash"]), plan)


def test_an_approval_is_good_once():
    """The same repair of the same instance is another case the next time."""
    plans = [_plan(rbd("web1", OFFLINE, *tags)) for tags in ((), (ended("success", jobs="7", repair="r0", at=1),))]
    assert plans[0]["hash"] != plans[1]["hash"]


SAME_OBJECT = [
    ("another lift", rbd("web1", OFFLINE, OVER), rbd("web1", OFFLINE, tag("suspend:2"))),
    ("a lift less", rbd("web1", OFFLINE, OVER), ONE),
    ("a lift more", ONE, rbd("web1", OFFLINE, OVER)),
    (
        "another repair",
        GOES_ON,
        replace(GOES_ON, instance=replace(GOES_ON.instance, tags=(pending("fix-storage", "7"),))),
    ),
]


@pytest.mark.parametrize(("was", "now"), [row[1:] for row in SAME_OBJECT], ids=[row[0] for row in SAME_OBJECT])
def test_an_object_with_which_two_things_are_done_is_told_too(was, now):
    """Both count: it is never "what differs: nothing"."""
    jobs = [job(7, "success", "MIGRATE")]
    approved, plan = _plan(was, jobs=jobs), _plan(now, jobs=jobs)
    assert approved["hash"] != plan["hash"]
    with pytest.raises(PlanDiffers) as caught:
        check_approved(given(approved), plan)
    (line,) = caught.value.details["differences"]
    assert line.startswith("web1: approved was ")


UNSEEN = [
    ("another instance of that name", {"uuid": "uuid-new"}, ", to another instance of that name"),
    ("another repair", {"id": "r1"}, ", for another repair"),
    ("the next time", {"after": "r0"}, ", after another repair"),
    ("another type", {"type": "reinstall"}, ", as a repair of another type"),
    ("another tag to remove", {"remove": [OVER]}, ", with other tags removed"),
    ("two of these", {"id": "r1", "type": "reinstall"}, ", for another repair, as a repair of another type"),
    ("what is told already", {"steps": ["failover"], "id": "r1"}, "submit failover (node1 offline, node2 online)"),
]


@pytest.mark.parametrize(("change", "end"), [row[1:] for row in UNSEEN], ids=[row[0] for row in UNSEEN])
def test_what_differs_is_told_though_the_words_are_the_same(change, end):
    """Nobody is to guess."""
    plans = [{"actions": [deed], "cluster": "", "hash": hash_of([deed], "")} for deed in (DEED, {**DEED, **change})]
    with pytest.raises(PlanDiffers) as caught:
        check_approved(given(plans[0]), plans[1])
    (line,) = caught.value.details["differences"]
    assert line.startswith("web1: approved was submit failover, then replace-disks (node1 offline, node2 online), now")
    assert line.endswith(end)


def test_two_things_with_one_object_are_told_in_one_line():
    """What was approved, and what it is now."""
    approved, plan = _plan(rbd("web1", OFFLINE, OVER)), _plan(ONE)
    with pytest.raises(PlanDiffers) as caught:
        check_approved(given(approved), plan)
    assert caught.value.details["differences"] == [
        "web1: approved was lift (its suspend has expired) and submit failover (web1-p offline), "
        "now it is submit failover (web1-p offline)"
    ]


def test_with_a_hash_alone_the_deeds_of_the_plan_are_told():
    """What was approved nobody knows any more."""
    plan = _plan(
        rbd("web1", OFFLINE),
        rbd("web2", OFFLINE, tag("suspend")),
        rbd("web3", ONLINE, pending()),
        drbd("web4", OFFLINE, ONLINE),
        group_tags={"default": [OVER]},
    )
    with pytest.raises(PlanDiffers) as caught:
        check_approved(Approved(hash_of([], "")), plan)
    assert caught.value.details["differences"] == [
        "group default: lift (its suspend has expired)",
        f"web3: finish ({UNDONE})",
        "web1: submit failover (web1-p offline)",
        "web4: submit failover, then replace-disks (web4-p offline, web4-s online)",
    ]
    assert "so nothing was done; what it would do now: group default: lift" in str(caught.value)


def test_with_a_hash_alone_a_plan_that_does_nothing_says_so():
    """The sentence has an end."""
    with pytest.raises(PlanDiffers, match=r"what it would do now: nothing$"):
        check_approved(Approved(hash_of([DEED], "")), _plan(rbd("web1", ONLINE)))


# --- tampering ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [row[1] for row in OTHER_DEEDS], ids=[row[0] for row in OTHER_DEEDS])
def test_a_plan_that_was_changed_after_it_was_made_is_refused(change):
    """Each part of a deed is under the hash."""
    with pytest.raises(BadOption, match="was changed after it was made"):
        parse_approved({"actions": [{**DEED, **change}], "cluster": "", "hash": hash_of([DEED], "")})


@pytest.mark.parametrize("change", [row[1] for row in SAME_DEEDS], ids=[row[0] for row in SAME_DEEDS])
def test_a_plan_may_be_annotated(change):
    """What is no deed is not under the hash."""
    assert parse_approved(
        {"actions": [{**DEED, **change}], "cluster": "", "hash": hash_of([DEED], "")}
    ).hash == hash_of([DEED], "")


# --- rounds ---------------------------------------------------------------------------------------------------------


def _client(*members, **more):
    return FakeClient(cluster(*members, node("spare"), tags=ALLOW, **more), room={"spare": (9000, 9000)})


def _play(client, approved):
    return run_round(client, unbraked(approved=parse_approved(approved)), settings(), terms(client.clock))


def _approve(client, **more):
    """The plan that somebody approves."""
    return plan_data(plan_round(client, unbraked(**more), NOW))


@pytest.mark.parametrize("part", [lambda plan: plan, lambda plan: plan["hash"]], ids=["the plan", "its hash"])
def test_what_was_approved_is_done_whenever_that_is(part):
    """Hours later, on another node with more room."""
    client = _client(rbd("web1", OFFLINE), plain("web2", OFFLINE))
    plan = _approve(client)
    client.clock.now += 7200
    client.cluster = replace(client.cluster, nodes={**client.cluster.nodes, "more": node("more")})
    client.room = {"spare": (9000, 9000), "more": (9999, 9999)}
    played = _play(client, part(plan))
    assert played.changed
    assert sorted(client.steps) == ["failover", "recreate-disks"]


@pytest.mark.parametrize("dry", [False, True], ids=["for real", "dry"])
def test_another_plan_is_not_begun(dry):
    """Not even claimed; check mode says the same."""
    client = _client(rbd("web1", OFFLINE))
    approved = parse_approved(_approve(client))
    client.cluster = replace(client.cluster, tags=(tag("migrate"),))
    with pytest.raises(PlanDiffers, match=r"web1: approved was submit failover .*, now it is refuse as enoperm"):
        if dry:
            dry_run(DryRunClient(client), unbraked(approved=approved), settings(), NOW)
        else:
            _play(client, _approve(_client(rbd("web1", OFFLINE))))
    assert client.sent == []


def test_what_changes_while_the_cluster_is_being_claimed_is_noticed():
    """The round looks again once it has the claim, and lets go of it."""
    client = _client(rbd("web1", OFFLINE), rbd("web2", OFFLINE))
    plan = _approve(client)

    def suspend(request):
        tags = (*client.cluster.tags, tag("suspend"))
        client.cluster = replace(client.cluster, tags=tuple(dict.fromkeys(tags)))

    client.on_claim = suspend
    with pytest.raises(PlanDiffers):
        _play(client, plan)
    assert (client.writes, client.claims) == ([], [])


def test_a_claim_of_another_round_is_a_failure():
    """That plan, or a failure: never a round that did nothing and says it is fine."""
    client = _client(rbd("web1", OFFLINE))
    plan = _approve(client)
    client.cluster = replace(client.cluster, tags=(*ALLOW, claim_tag("other", NOW + 300)))
    with pytest.raises(Held):
        _play(client, plan)
    assert client.writes == []


def test_an_approved_plan_that_was_carried_out_is_not_carried_out_again():
    """Its deeds are no longer those of the cluster."""
    client = _client(rbd("web1", OFFLINE))
    plan = _approve(client)
    _play(client, plan)
    with pytest.raises(PlanDiffers):
        _play(client, plan)
    assert client.steps == ["failover"]


def test_an_approved_plan_that_does_nothing_is_done_at_once():
    """As long as there is nothing to do."""
    client = _client(rbd("web1", ONLINE))
    assert not _play(client, _approve(client)).changed
    assert client.sent == []


# --- the rounds after -----------------------------------------------------------------------------------------------

TWO_STEPS = {"web1": ApprovedRepair(("failover", "replace-disks"))}
MOVED = drbd("web1", ONLINE, OFFLINE, pending(jobs="7"))
BEFORE = {"web1": ApprovedRepair(("replace-disks",), (7,))}
FOLLOWED = [
    ("its first step", drbd("web1", OFFLINE, ONLINE, pending()), (), TWO_STEPS, "submit"),
    ("its next step", MOVED, (job(7, "success", "FAILOVER", repair="r1"),), TWO_STEPS, "submit"),
    ("a step that was approved half-way", MOVED, (job(7, "success", "FAILOVER", repair="r1"),), BEFORE, "submit"),
    (
        "its first step again, as it failed",
        drbd("web1", OFFLINE, ONLINE, pending(jobs="7")),
        (job(7, "error", "FAILOVER", repair="r1", error="no", ended=NOW - 9999),),
        TWO_STEPS,
        "submit",
    ),
    ("its end", rbd("web1", ONLINE, pending(jobs="7")), (job(7, "success", "FAILOVER"),), TWO_STEPS, "finish"),
    ("its wait", MOVED, (job(7, "running", "FAILOVER"),), TWO_STEPS, "wait"),
    (
        "a step that was not approved",
        drbd("web1", DRAINED, ONLINE, pending(jobs="7"), always_failover=False),
        (job(7, "success", "FAILOVER", repair="r1"),),
        TWO_STEPS,
        "hold",
    ),
    (
        "the first step again, though it was done",
        drbd("web1", OFFLINE, ONLINE, pending(jobs="7")),
        (job(7, "success", "FAILOVER", repair="r1"),),
        TWO_STEPS,
        "hold",
    ),
    (
        "more steps than were approved",
        MOVED,
        (job(7, "success", "FAILOVER", repair="r1"),),
        {"web1": ApprovedRepair(("failover",))},
        "hold",
    ),
    ("a step after one that the queue has forgotten", MOVED, (), TWO_STEPS, "hold"),
    ("one that was not approved", drbd("web1", OFFLINE, ONLINE), (), {"web2": TWO_STEPS["web1"]}, "hold"),
    ("the end of one that was not approved", rbd("web1", ONLINE, pending()), (), {}, "hold"),
    ("a refusal that was not approved", rbd("web1", OFFLINE, tag("migrate")), (), {}, "hold"),
    ("what is suspended", rbd("web1", OFFLINE, tag("suspend")), (), {}, "hold"),
    ("what is healthy", rbd("web1", ONLINE), (), {}, "none"),
    ("anything, where nothing needed an approval", drbd("web1", OFFLINE, ONLINE), (), None, "submit"),
]


@pytest.mark.parametrize(
    ("one", "jobs", "follow", "word"), [row[1:] for row in FOLLOWED], ids=[row[0] for row in FOLLOWED]
)
def test_after_what_was_approved_comes(one, jobs, follow, word):
    """Its repairs are followed to their end, in the steps that were approved; nothing else is written."""
    plan = within_approved(plan_of(cluster(one, tags=ALLOW, jobs=jobs), approved_repairs=follow))
    ((_case, action),) = plan.rows
    assert action.kind.value == word
    if word == "hold" and action.why is not Reason.SUSPENDED:
        assert (action.why, action.writes) == (Reason.NOT_APPROVED, False)
        assert action.reason.endswith("; held: it is not in the approved plan")


def test_no_suspend_and_no_storm_is_written_after_what_was_approved():
    """They are nobody's repair."""
    one = cluster(rbd("web1", ONLINE, OVER), tags=[*ALLOW, breaker_tag()], group_tags={"default": [OVER]})
    plan = plan_of(one, approved_repairs={"web1": ApprovedRepair(("failover",))})
    assert len(plan.upkeep) == 3
    held = within_approved(plan).upkeep
    assert [(action.kind.value, action.why, action.writes) for action in held] == [
        ("hold", Reason.NOT_APPROVED, False)
    ] * 3


def _on_and_on(client, approved, through):
    """Rounds until nothing more comes of an approved plan; `through` carries its limits from one to the next."""
    played = _play(client, approved)
    for _round in range(6):
        limits = through(played)
        client.clock.now += 600
        played = run_round(client, limits, settings(), terms(client.clock))
    return played


def _carried(played):
    """As the next run of the module gets them."""
    given = json.loads(json.dumps(carry_on(played)))
    return resume_limits(unbraked(approved=Approved("0" * 64)), given)


@pytest.mark.parametrize("multi_opcode", [False, True], ids=["a job each", "jobs of several opcodes"])
@pytest.mark.parametrize("through", [limits_for_next_round, _carried], ids=["in one run", "from run to run"])
def test_an_approved_plan_is_carried_to_its_end_and_no_further(through, multi_opcode):
    """What breaks meanwhile waits for the next approval."""
    client = _client(drbd("web1", OFFLINE, ONLINE), rbd("web2", ONLINE))
    client.supports_multi_opcode_jobs = multi_opcode
    plan = _approve(client)
    broken = dict(client.cluster.nodes)
    broken["web2-p"] = replace(broken["web2-p"], state=OFFLINE)

    def breaks(request):
        client.cluster = replace(client.cluster, nodes=broken)

    client.script = breaks
    played = _on_and_on(client, plan, through)
    assert client.steps == ["failover", "replace-disks"]
    assert [action.why for case, action in played.after.rows] == [Reason.HEALTHY, Reason.NOT_APPROVED]
    assert limits_for_next_round(played).approved_repairs is not None


@pytest.mark.parametrize("through", [limits_for_next_round, _carried], ids=["in one run", "from run to run"])
def test_a_plan_that_was_approved_half_way_is_carried_to_its_end(through):
    """The steps before are none of those that were approved."""
    client = _client(
        drbd("web1", DRAINED, ONLINE, pending("migrate", "7")), jobs=[job(7, "success", "REPLACE_DISKS", repair="r1")]
    )
    plan = _approve(client)
    assert plan["actions"][0]["steps"] == ["migrate", "replace-disks"]
    played = _on_and_on(client, plan, through)
    assert client.steps == ["migrate", "replace-disks"]
    assert [action.why for case, action in played.after.rows] == [Reason.HEALTHY]


@pytest.mark.parametrize("through", [limits_for_next_round, _carried], ids=["in one run", "from run to run"])
def test_what_was_held_in_an_approved_plan_is_not_begun_after_it(through):
    """It was seen, but not as something to be done."""
    client = _client(rbd("web1", OFFLINE), rbd("web2", OFFLINE))
    limits = unbraked(max_in_flight=1)
    plan = plan_data(plan_round(client, limits, NOW))
    played = run_round(client, replace(limits, approved=parse_approved(plan)), settings(), terms(client.clock))
    for _round in range(4):
        client.clock.now += 600
        played = run_round(client, through(played), settings(), terms(client.clock))
    assert client.steps == ["failover"]
    assert [action.why for case, action in played.after.rows] == [Reason.HEALTHY, Reason.NOT_APPROVED]


def test_where_nothing_was_approved_nothing_is_followed():
    """The limits stay as they are; but a node that was fenced counts as long as nobody can have switched it on."""
    client = _client(rbd("web1", OFFLINE))
    limits = unbraked(fencing=Fencing.CONFIRMED, fenced_nodes=("web1-p",))
    played = run_round(client, limits, settings(), terms(client.clock))
    assert limits_for_next_round(played) == replace(
        limits, fenced_nodes=()
    )  # the cluster does not say when it was marked
    assert carry_on(played) == {"follow": None, "fenced_nodes": {}}
    node_ = replace(client.cluster.nodes["web1-p"], changed=NOW)
    client.cluster = replace(client.cluster, nodes={**client.cluster.nodes, "web1-p": node_})
    played = run_round(client, limits, settings(), terms(client.clock))
    assert (limits_for_next_round(played).fenced_nodes, limits_for_next_round(played).fenced_as_of) == (
        ("web1-p",),
        {"web1-p": NOW},
    )
    assert _carried(played).fenced_as_of == {"web1-p": NOW}


@pytest.mark.parametrize("given", [None, {}])
def test_a_run_that_begins_has_its_own_limits(given):
    """Nothing was carried on."""
    limits = unbraked(approved=Approved("0" * 64), fenced_nodes=("n",))
    assert resume_limits(limits, given) == limits


def test_a_run_that_goes_on_without_an_approval_keeps_the_one_that_it_was_given():
    """It has not begun with it."""
    limits = unbraked(approved=Approved("0" * 64), fenced_nodes=("n",))
    later = replace(limits, fenced_nodes=("m",), fenced_as_of={"m": 5})
    assert resume_limits(limits, {"follow": None, "fenced_nodes": {"m": 5}}) == later
