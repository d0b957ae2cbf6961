# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known of why a job failed, and that it stays known round after round."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from unit.plugins.module_utils.builders import (
    NOW,
    OFFLINE,
    ONLINE,
    cluster,
    drbd,
    ended,
    job,
    no_room,
    pending,
    rbd,
    tag,
)

from ansible_collections.ganeti.autorepair.plugins.module_utils.diagnosis import causes
from ansible_collections.ganeti.autorepair.plugins.module_utils.diagnosis.causes import cause_of, telling, why_failed
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import Instance
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.gating import apply_gates
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.plan import make_draft
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import cases_at
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.decide import decide
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.outcome import Outcome
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.text import render_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from unbraked import unbraked

MIRRORED = Instance("web1.example.com", disk_template="drbd", primary="node2", secondaries=("node3",))
SHARED = Instance("web1.example.com", disk_template="rbd", primary="node2")
CONNECT = "Error 7: Failed connect to 192.0.2.5:1811; Success"
USAGE = "Usage: hbal [OPTION...] -h --help Show help -V --version Show version --simulate-backend=FILE"
MARK_NODE5 = "gnt-node modify --offline=yes --auto-promote node5"
FREE = "gnt-node list -o name,group,role,dfree,mfree"
LEFT_OVER = (
    "Can't create block device <LogicalVolume(/dev/xenvg/0b5e.disk0, size=1024m)> on node node4.example.com for "
    "instance web1.example.com: Can't create block device: LV create failed (exited with exit code 5): Logical Volume "
    '"0b5e.disk0" already exists in volume group "xenvg"'
)
WHERE = "lvs -o vg_name,lv_name,lv_tags @originstname+web1.example.com"
ERRORS = [  # what Ganeti said, of which opcode, a part of what is said of it, and the command
    (LEFT_OVER, "RECREATE_DISKS", "are left over on node4.example.com; do not start", WHERE),
    ('Logical volume "x" already exists in volume group "vg"', "REPLACE_DISKS", "left over on one of its nodes", WHERE),
    (
        "Can't activate the instance's disks",
        "FAILOVER",
        "do not replace the disks, as the good copy is on the old primary, which is the secondary now (node3); bring "
        "node3 back",
        "gnt-instance failover web1.example.com",
    ),
    ("Can't activate the instance's disks", "MOVE", "can't open its disks", "gnt-instance startup web1.example.com"),
    ("Disk consistency error", "STARTUP", "not all of its disks", "gnt-instance activate-disks web1.example.com"),
    (
        "Can't migrate, please use failover: Node is marked offline",
        "MIGRATE",
        "nothing can be migrated off a dead node",
        "gnt-instance failover web1.example.com",
    ),
    (
        "Can't migrate, please use failover: Instance web1.example.com is not running",
        "MIGRATE",
        "it does not run",
        "gnt-instance failover web1.example.com",
    ),
    (
        f"Can't migrate, please use failover: {CONNECT}",
        "MIGRATE",
        "check whether node2 answers",
        "gnt-instance info web1.example.com",
    ),
    (
        f"Can't get data for node node5: {CONNECT}",
        "REPLACE_DISKS",
        "node5 does not answer and is not marked",
        MARK_NODE5,
    ),
    (f"Can't get node instance info from node node5: {CONNECT}", "FAILOVER", "node5 does not answer", MARK_NODE5),
    (f"Can't get data from node node5: {CONNECT}", "FAILOVER", "node5 does not answer, and is not marked", MARK_NODE5),
    (
        "Can't compute nodes using iallocator 'hail': Request failed: Can't find any good nodes for relocation",
        "REPLACE_DISKS",
        "no other node of its group can take it",
        FREE,
    ),
    ("Can't find any good node", "FAILOVER", "no other node of its group can take it", FREE),
    (
        "Failure while running the iallocator script: iallocator module 'hale' not found in the search path",
        "REPLACE_DISKS",
        "the allocator hale is not installed on the master",
        "gnt-cluster modify --default-iallocator=hail",
    ),
    (
        f"Failure while running the iallocator script: iallocator module 'hbal' failed: exited with exit code 1, "
        f"output '{USAGE}'",
        "REPLACE_DISKS",
        "the allocator hbal could not be run",
        "gnt-cluster modify --default-iallocator=hail",
    ),
    (
        f"Failure while running the iallocator script: {CONNECT}",
        "FAILOVER",
        "could not be run on the master",
        "gnt-cluster verify",
    ),
    (
        "Disk 0 is degraded on target node, aborting failover",
        "FAILOVER",
        "the copy on node3 is not in sync with that on node2",
        "gnt-instance activate-disks web1.example.com",
    ),
    (
        "Disk 1 is degraded or not fully synchronized on target node, aborting migration",
        "MIGRATE",
        "the copy on node3 is not in sync with that on node2",
        "gnt-instance activate-disks web1.example.com",
    ),
    (
        "Cannot activate block devices",
        "ACTIVATE_DISKS",
        "could not be assembled on node2 and node3",
        "gnt-instance activate-disks web1.example.com",
    ),
    (
        "Instance 'web1.example.com' is marked to be up, cannot reinstall",
        "REINSTALL",
        "it is meant to run",
        "gnt-instance shutdown web1.example.com",
    ),
    (
        "Instance 'web1.example.com' is marked to be offline, cannot reinstall",
        "REINSTALL",
        "it is marked offline",
        "gnt-instance modify --online web1.example.com",
    ),
    (
        "Node node2 has degraded storage, unsafe to replace disks for instance web1.example.com",
        "REPLACE_DISKS",
        "its disks on node2 are not connected",
        "gnt-instance activate-disks web1.example.com",
    ),
    (
        "Can't contact node node2 for mirror data, aborting.",
        "REPLACE_DISKS",
        "node2, which holds the good copy, stopped answering",
        "gnt-instance activate-disks web1.example.com",
    ),
    ("Can't use offline node: node5", "RECREATE_DISKS", "node5 is marked offline", "gnt-node add --readd node5"),
    ("Can't use drained node node5", "FAILOVER", "node5 is drained", "gnt-node modify --drained=no node5"),
    (
        "Not enough memory on node node5 for migrating instance web1: needed 512 MiB, available 3 MiB",
        "FAILOVER",
        "node5 has too little memory free",
        "gnt-node list -o name,mtotal,mfree,pinst_list node5",
    ),
    (
        "Not enough disk space on target node node5 vg xenvg: required 1024 MiB, available 3 MiB",
        "RECREATE_DISKS",
        "node5 has too little disk free",
        "gnt-node list -o name,dtotal,dfree,sinst_list node5",
    ),
    (
        "[Errno 28] No space left on device",
        "FAILOVER",
        "a file system is full",
        "df -h /var/lib/ganeti /var/log",
    ),
    (
        "Could not start instance web1.example.com on node node3: Hypervisor error",
        "FAILOVER",
        "the hypervisor on node3 did not start it",
        "gnt-instance startup web1.example.com",
    ),
    (
        "Could not start instance 'web1.example.com': Hypervisor error",
        "STARTUP",
        "the hypervisor on node2 did not start it",
        "gnt-instance startup web1.example.com",
    ),
    (
        "Could not migrate instance web1.example.com: hypervisor returned failure",
        "MIGRATE",
        "it may be running on either node",
        "gnt-instance migrate --cleanup web1.example.com",
    ),
]


@pytest.mark.parametrize(("error", "opcode", "said", "command"), ERRORS)
def test_a_text_that_is_known(error, opcode, said, command):
    """It gets a sentence, and a command with the names filled in."""
    cause = cause_of(error, f"INSTANCE_{opcode}", MIRRORED)
    assert cause is not None
    assert (said in cause.sentence, cause.command) == (True, command)
    assert not re.search(r"[{};]", cause.command)


def test_every_known_text_has_an_example():
    """So a row that nothing reaches is seen."""
    found = [causes._find(error, f"INSTANCE_{opcode}", MIRRORED) for error, opcode, *_ in ERRORS]
    reached = {one[0] for one in found if one}
    assert set(causes._KNOWN) == reached


def test_the_guide_has_every_known_text():
    """People look a text up there."""
    guide = (Path(__file__).parents[5] / "docs" / "why-it-did-not-repair.md").read_text()
    section = guide.partition("## Known causes")[2].partition("\n## ")[0]
    assert [known.pattern for known in causes._KNOWN if not re.search(known.pattern, section)] == []


@pytest.mark.parametrize("error", ["the disk is on fire", "", "Can't use offline nodes", "Dependency job 7 finished"])
def test_a_text_that_is_not_known(error):
    """Ganeti's words stand alone."""
    assert cause_of(error, "INSTANCE_FAILOVER", MIRRORED) is None
    assert why_failed(job(7, "error", "FAILOVER", error=error), MIRRORED) == error


def test_what_is_said_of_mirrors_is_said_of_mirrored_instances_only():
    """The same text means less on shared storage."""
    shared = cause_of("Can't activate the instance's disks", "INSTANCE_FAILOVER", SHARED)
    assert shared is not None
    assert "old primary" not in shared.sentence
    assert cause_of("Disk 0 is degraded on target node, aborting failover", "INSTANCE_FAILOVER", SHARED) is None


@pytest.mark.parametrize("name", ["node5;reboot", "$(reboot)", "`reboot`", "node5&"])
def test_a_command_names_nothing_but_a_node(name):
    """An error's text comes from anywhere."""
    cause = cause_of(f"Can't use drained node {name}", "INSTANCE_FAILOVER", MIRRORED)
    assert cause is None or re.fullmatch(r"gnt-node modify --drained=no [\w.-]+", cause.command)


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (
            f"module 'hbal' failed: exited with exit code 1, output '{USAGE}'",
            "module 'hbal' failed: exited with exit code 1",
        ),
        (f"no such option --x {USAGE}", "no such option --x"),
        (f"no such option --x\n{USAGE}\n more", "no such option --x"),
        (USAGE, USAGE),
        ("disk usage: 3 MiB", "disk usage: 3 MiB"),
        ("the disk is on fire", "the disk is on fire"),
    ],
)
def test_a_usage_page_tells_nothing(error, left):
    """What comes before it does."""
    assert telling(error) == left


def test_ganetis_words_follow():
    """A translation may be wrong."""
    failed = job(7, "error", "FAILOVER", error="Can't use drained node node5")
    assert why_failed(failed, MIRRORED).endswith(
        ": gnt-node modify --drained=no node5; Ganeti said: Can't use drained node node5"
    )


# --- where it is said -----------------------------------------------------------------------------------------------


BROKEN = "Can't use drained node node5"
IN_VAIN = "Dependency job 7 finished with status 'error', not one of 'success' as required"
TELLS = job(7, "error", "FAILOVER", error=BROKEN, ended=NOW - 1)
WAITED = job(8, "error", "REPLACE_DISKS", error=IN_VAIN, ended=NOW - 1)
HEALTHS = [(drbd, (OFFLINE, ONLINE)), (drbd, (ONLINE, OFFLINE)), (drbd, (ONLINE, ONLINE)), (rbd, (OFFLINE,))]


def said(one, jobs, retries=2):
    """The reason that is given for the one instance of a cluster."""
    seen = cluster(one, jobs=jobs)
    (case,) = cases_at(seen, NOW)
    return decide(case, seen, NOW, Limits(retries=retries)).reason


@pytest.mark.parametrize(("kind", "states"), HEALTHS)
@pytest.mark.parametrize("tags", [ended("failure", jobs="7+8"), pending(jobs="7+8")], ids=["failed", "pending"])
@pytest.mark.parametrize("retries", [0, 2])
def test_the_job_that_tells_is_told(kind, states, tags, retries):
    """Whatever state the instance is in, and however far its repair has come; never the one that waited for it."""
    reason = said(kind("web1", *states, tag("failover"), tags), [TELLS, WAITED], retries)
    assert "Dependency job" not in reason
    if "failed" in reason:
        assert f"gnt-node modify --drained=no node5; Ganeti said: {BROKEN}" in reason


def test_what_is_waited_for_is_translated_too():
    """A step for which there was no room is tried again; why there is none is said."""
    words: dict[str, Any] = {"error": "Can't compute nodes using iallocator 'hail': Can't find any good node"}
    reason = said(drbd("web1", ONLINE, OFFLINE, pending("fix-storage", jobs="7")), [no_room(7, **words)])
    assert f"no other node of its group can take it; to see what is free: {FREE}; Ganeti said: Can't compute" in reason


def test_a_command_within_a_reason_is_not_broken():
    """It can be copied, too, however long the line gets."""
    failed = job(7, "error", "FAILOVER", error="Can't activate the instance's disks", ended=NOW - 1)
    one = drbd("web1", ONLINE, OFFLINE, ended("failure", jobs="7"))
    plan = apply_gates(make_draft(cluster(one, jobs=[failed]), unbraked(), NOW))
    text = render_round(plan, [Outcome(action) for action in plan.actions], plan, dry_run=False)
    assert any(re.search(r"gnt-instance failover web1;", line) for line in text)
    assert not any("\0" in line for line in text)


def test_facts_give_no_usage_page():
    """Neither in a job nor in a reason."""
    words = f"iallocator module 'hbal' failed: exited with exit code 1, output '{USAGE}'"
    failed = job(7, "error", "REPLACE_DISKS", error=words, ended=NOW - 1)
    plan = make_draft(
        cluster(drbd("web1", ONLINE, OFFLINE, ended("failure", jobs="7")), jobs=[failed]), unbraked(), NOW
    )
    assert "simulate-backend" not in str(facts(apply_gates(plan)))
