# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Notices: tags of the cluster and its groups that a person has to look at (law 12), wherever people look."""

from __future__ import annotations

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, cluster, plan_of, rbd, tag
from unit.plugins.module_utils.scenes import html_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.metrics import metrics
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.clocks import LEASE, LONGEST_COOLDOWN, MAX_SKEW

CLAIM, BREAKER = NOW + LEASE + 2 * MAX_SKEW, NOW + LONGEST_COOLDOWN + 2 * MAX_SKEW  # the latest that can be right
NEVER = 10**15 - 1
# the tags of the cluster, those of a group; the objects with a notice, and why
TABLE = [
    ("nothing", "", "", []),
    ("what is usual", f"failover suspend stop breaker claim:a:{NOW + 300} claim:b:5", "breaker:5", []),
    ("what ends as late as it can", f"claim:a:{CLAIM} breaker:{BREAKER}", f"breaker:{BREAKER}", []),
    ("a claim that ends later", f"claim:a:{CLAIM + 1}", "", ["cluster wrong_clock"]),
    ("two of them", f"claim:a:{NEVER} claim:b:{CLAIM + 1}", "", ["cluster wrong_clock"] * 2),
    ("a breaker that ends later", f"breaker:{BREAKER + 1}", "", ["cluster wrong_clock"]),
    ("one of a group", "", f"breaker:{NEVER}", ["group default wrong_clock"]),
    ("a claim that can't be read", "claim:a", "", ["cluster unreadable_tag"]),
    ("a claim of a group means nothing", "", f"claim:a:{NEVER} claim:b", []),
]


def _plan(cluster_words, group_words):
    tags, inside = ([tag(word) for word in words.split()] for words in (cluster_words, group_words))
    return plan_of(cluster(rbd("web1", OFFLINE), tags=tags, group_tags={"default": inside}))


@pytest.mark.parametrize(
    ("of_cluster", "of_group", "wanted"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE]
)
def test_what_a_person_has_to_look_at(of_cluster, of_group, wanted):
    """Each with the command that removes it, in the report, in facts, on pages and in metrics; nothing is written."""
    plan = _plan(of_cluster, of_group)
    assert [" ".join(f"{one.scope} {one.name} {one.why.value}".split()) for one in plan.notices] == wanted
    assert not any(one.writes for one in plan.notices)
    told = facts(plan)
    report = report_of([Look("prod", told)], NOW)
    for one in plan.notices:
        text = of_cluster if one.scope == "cluster" else of_group
        where = f"gnt-{one.scope} remove-tags {one.name}".strip()
        assert one.command in [f"{where} {tag(word)}" for word in text.split()]
        assert one.reason.endswith(one.command)
        assert one.command in " ".join(" ".join(told["report"]).split())
    names = [name.rpartition(" ")[0] for name in wanted]
    assert [name for name in told["needs_person"] if name != "web1"] == names
    assert len(report["clusters"][0]["seen"]["notices"]) == len(wanted)
    assert f'ganeti_repair_notices{{cluster="prod"}} {len(wanted)}\n' in metrics(report)
    assert html_of(report, "prod").count("needs you. ") == len(wanted)
