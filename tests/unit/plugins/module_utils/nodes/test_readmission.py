# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Readmission: a node comes back drained, if everybody reaches it and nothing on it shows that it never stopped."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from unit.plugins.module_utils.node_builders import NOW, look_data, observed_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.node_change import NodeChange
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.plan import plan_nodes
from ansible_collections.ganeti.autorepair.plugins.module_utils.nodes.readmission import Readmission, readmit
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NodeOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.tags.fields import NODEWATCH

T = int(NOW)
FENCED = f"fenced:uuid-node3:0000abcd:{T - 900}:fence_agent"
PROBATION = f"probation:uuid-node3:0000abcd:{T - 600}"
DRAINED, REGULAR = Operation.MARK_NODE_DRAINED, Operation.MARK_NODE_REGULAR
BOOTED = "up 800"  # after it was fenced, and before it came back
WELL = (BOOTED, "guests told", "missing 0 xenvg", "whole")


def looks(
    *own: str, count: int = 3, live: bool = False, reach: dict[str, str] | None = None, **changes: Any
) -> list[dict[str, Any]]:
    """So many looks, ten seconds apart and up to now, in which everybody reaches node3, except who has another answer
    in `reach`; in each of them it says this of itself."""
    found = []
    for at in reversed(range(count)):
        look = look_data(NOW - 10 * at, **changes)
        look["live"]["node3"] = "boot-node3" if live else None
        if not live:
            del look["live"]["node3"]
        seen = [observer for observer in look["observers"] if observer["name"] != "node3"]
        for observer in seen:
            observer["reach"] = {**observer["reach"], "node3": (reach or {}).get(observer["name"], "answers")}
        lines = ["look 1", "boot_id b", "master node1", "end", f"clock {T} {T - 10 * at}", *(own or WELL)]
        found.append({**look, "observers": seen, "answers": {"node3": "\n".join(lines)}, "deep": ["node3"]})
    return found


def readmitted(
    seen: list[dict[str, Any]], state: str = "offline", tags: tuple[str, ...] = (), role: str = "O", **wanted: Any
) -> NodeChange:
    """What comes next for node3."""
    own = {"state": state, "role": role, "changed": wanted.pop("changed", T - 590)}
    observed = observed_of(*seen, tags=tags, nodes={"node3": own}, instances=wanted.pop("instances", {}))
    wish = Readmission(**{"looks": 3, **wanted})
    return readmit("node3", plan_nodes(observed, NodeOptions(), NOW), wish, lambda: "0000cafe")


def words(tags: tuple[str, ...]) -> list[str]:
    """Tags without what they all begin with."""
    return [tag.removeprefix(NODEWATCH) for tag in tags]


def test_it_comes_back_drained() -> None:
    """With a tag that says since when; the tags of its fence go, and its incident stays."""
    change = readmitted(looks(), tags=(FENCED,))
    assert not change.error and change.marks == (DRAINED,)
    assert words(change.add) == [f"probation:uuid-node3:0000abcd:{T}"] and words(change.remove) == [FENCED]
    change = readmitted(looks())  # somebody has marked it who left no tag
    assert words(change.add) == [f"probation:uuid-node3:0000cafe:{T}"] and change.marks == (DRAINED,)


def test_who_was_interrupted_begins_anew() -> None:
    """The tag is there, the mark is not: its probation begins now."""
    change = readmitted(looks(), tags=(PROBATION,))
    assert change.marks == (DRAINED,) and words(change.remove) == [PROBATION]
    assert words(change.add) == [f"probation:uuid-node3:0000abcd:{T}"]


# --- who reaches it --------------------------------------------------------------------------------------------------

SIDES = ("controller", "node1", "node2", "node4")


@pytest.mark.parametrize("answers", list(product(("answers", "accepts", "refuses", "silent"), repeat=4)), ids="-".join)
def test_everybody_has_to_reach_it(answers: tuple[str, ...]) -> None:
    """All 256 combinations: whoever gets no answer is named."""
    change = readmitted(looks(reach=dict(zip(SIDES, answers, strict=True))))
    if set(answers) == {"answers"}:
        assert change.marks == (DRAINED,)
        return
    assert not change.needed
    if "answers" not in answers:
        assert "nobody gets an answer from it: power it on, and look again" in change.error
        return
    for side, answer in zip(SIDES, answers, strict=True):
        assert (f"{side} gets no answer from it" in change.error) is (answer != "answers")


@pytest.mark.parametrize("by", ["controller", "node1"])
def test_each_of_its_addresses_answers_other_nodes(by: str) -> None:
    """Its disks need the second network; this machine need not be in it."""
    seen = looks()
    for look in seen:
        look["observers"] = [observer for observer in look["observers"] if observer["name"] != by]
        told = [f"reach node3 answers 192.0.2.13\nreach node3 {word} 198.51.100.13" for word in ("silent", "silent")]
        look["answers"][by] = "\n".join(["look 1", "boot_id b", "master node1", *told, "reach node2 answers x", "end"])
    change = readmitted(seen)
    if by == "controller":
        assert change.marks == (DRAINED,)
    else:
        assert not change.needed and "node1 gets no answer from it at 198.51.100.13: look at that" in change.error


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("alone", ["controller", "node1"])
def test_one_side_is_not_enough(at: int, alone: str) -> None:
    """This machine alone, or nodes alone, in any of the looks."""
    seen = looks()
    both = seen[at]["observers"]
    seen[at]["observers"] = [by for by in both if (by["name"] == "controller") is (alone == "controller")]
    change = readmitted(seen)
    assert not change.needed and "this machine and another node have to look at it" in change.error


@pytest.mark.parametrize("count", [1, 2])
def test_fewer_looks_than_asked_for(count: int) -> None:
    """And looks at the same time are one."""
    assert f"it was looked at {count} of 3 times" in readmitted(looks(count=count)).error
    seen = looks()
    for number, look in enumerate(seen):
        look["time"] = NOW - number
    assert "it was looked at 1 of 3 times" in readmitted(seen).error


# --- what it says of itself ------------------------------------------------------------------------------------------

BAD = {
    "disk 3 Diskless": "DRBD has detached the disk of minor 3",
    "missing 1 xenvg": "volume group xenvg misses physical volumes",
    "readonly /": "its file system / has become read-only",
    "space /var/log 97": "its file system /var/log is full by 97 %",
    "dead ganeti-confd": "ganeti-confd does not run there",
    "errors sda 2": "its kernel logged 2 I/O errors of sda",
    "checks 1": "its kernel logged 1 hardware errors",
    f"clock {T + 500} {T}": "its clock is 500 s ahead",
    "runs ganeti-luxid": "ganeti-luxid runs there, as on a master, which is node1: stop it there",
}


@pytest.mark.parametrize(
    ("state", "role", "tags"), [("offline", "O", ()), ("drained", "D", (PROBATION,)), ("online", "R", (PROBATION,))]
)
@pytest.mark.parametrize("line", BAD)
def test_what_is_wrong_with_it_keeps_it_where_it_is(line: str, state: str, role: str, tags: tuple[str, ...]) -> None:
    """At every step of its way, whatever is asked for."""
    own = (BOOTED, "guests told", line, "missing 0 xenvg", "whole")
    change = readmitted(looks(*own, live=state != "offline"), state, tags, role, undrain=True)
    assert not change.needed and BAD[line] in change.error


@pytest.mark.parametrize("line", ["guest web1", "primary 4"])
def test_who_has_never_stopped(line: str) -> None:
    """A guest, or a disk that may be written, while it is marked offline."""
    change = readmitted(looks(BOOTED, line, "guests told", "missing 0 xenvg", "whole"))
    assert not change.needed
    assert "web1 runs there" in change.error or "DRBD is primary there for minor 4" in change.error


def test_a_guest_that_belongs_there_after_it_came_back() -> None:
    """Somebody may have moved it there; one that belongs elsewhere is a stray."""
    own = (BOOTED, "guest web1", "guests told", "missing 0 xenvg", "whole")
    seen = looks(*own, live=True)
    assert readmitted(seen, "drained", (PROBATION,), "D", undrain=True, instances={"web1": "node3"}).marks == (REGULAR,)
    change = readmitted(seen, "drained", (PROBATION,), "D", undrain=True, instances={"web1": "node2"})
    assert not change.needed and "web1 runs there: it may run elsewhere, too (its primary node is node2" in change.error


@pytest.mark.parametrize("up", ["up 901", "up 100000", "", "up x"])
def test_who_has_not_booted_since_it_was_fenced(up: str) -> None:
    """Then nobody knows what was off."""
    change = readmitted(looks(up, "guests told", "missing 0 xenvg", "whole"), tags=(FENCED,))
    assert not change.needed and "it has not booted since it was said to be off (fence_agent)" in change.error


@pytest.mark.parametrize("missing", ["guests told", "whole"])
def test_who_has_not_told_everything(missing: str) -> None:
    """SSH, or its LVM, hangs."""
    change = readmitted(looks(*(line for line in WELL if line != missing)))
    assert not change.needed and "it has not told everything about itself" in change.error


def test_without_its_volume_group() -> None:
    """Its disks are missing."""
    change = readmitted(looks(BOOTED, "guests told", "whole"))
    assert not change.needed and "its volume group xenvg is not there" in change.error


# --- the end of its probation ----------------------------------------------------------------------------------------


def test_on_probation() -> None:
    """Nothing is written before it is over; then it is used, or when somebody wants it."""
    seen = looks(live=True)
    change = readmitted(seen, "drained", (PROBATION,), "D")
    assert not change.needed and not change.error and "on probation for another 3000 s" in change.note
    assert readmitted(seen, "drained", (PROBATION,), "D", probation=600).marks == (REGULAR,)
    change = readmitted(seen, "drained", (PROBATION,), "D", undrain=True)
    assert change.marks == (REGULAR,) and not change.add and not change.remove


def test_nobody_skips_the_look_after_it_came_back() -> None:
    """The looks by which it came back are not those by which it is used."""
    just = f"probation:uuid-node3:0000abcd:{T}"
    change = readmitted(looks(live=True), "drained", (just,), "D", undrain=True, probation=0)
    assert not change.needed and "look again before it is used" in change.note


def test_a_probation_that_time_alone_does_not_end() -> None:
    """The node has booted since, or somebody has changed it: a person has to say so."""
    for own, changed, words in (
        (("up 500", *WELL[1:]), T - 590, "it has booted since it came back"),
        (WELL, T + 500, "somebody has changed it since it came back"),
    ):
        change = readmitted(looks(*own, live=True), "drained", (PROBATION,), "D", changed=changed, probation=0)
        assert not change.needed and words in change.error and "ganeti_autorepair_undrain" in change.error
        change = readmitted(looks(*own, live=True), "drained", (PROBATION,), "D", changed=changed, undrain=True)
        assert change.marks == (REGULAR,)


def test_who_boots_between_two_looks() -> None:
    """Or again and again."""
    seen = looks(live=True)
    seen[1]["answers"]["node3"] = seen[1]["answers"]["node3"].replace("boot_id b", "boot_id c")
    change = readmitted(seen, "drained", (PROBATION,), "D", undrain=True)
    assert not change.needed and "it has booted between two looks" in change.error


@pytest.mark.parametrize("at", range(3))
@pytest.mark.parametrize("line", ["guest web1", "checks 1", "runs ganeti-wconfd"])
def test_what_one_of_the_looks_has_seen(at: int, line: str) -> None:
    """Counts, in whichever it was."""
    seen = looks()
    seen[at]["answers"]["node3"] = seen[at]["answers"]["node3"].replace("guests told", f"{line}\nguests told")
    assert not readmitted(seen).needed


def test_mirrors_that_have_given_up() -> None:
    """Known once the node is back; before that there are none."""
    seen = looks(live=True)
    for look in seen:
        look["answers"]["node3"] = look["answers"]["node3"].replace("boot_id b", "boot_id b\ndrbd 4 StandAlone")
    change = readmitted(seen, "drained", (PROBATION,), "D", undrain=True)
    assert not change.needed and "DRBD has given up to connect minor 4" in change.error


def test_nobody_asked_where_instances_belong() -> None:
    """Then no guest can be told from a stray."""
    change = readmitted(looks(), instances=None)
    assert not change.needed and "nobody has asked where instances belong" in change.error


def test_a_node_that_somebody_has_drained() -> None:
    """It stays so."""
    change = readmitted(looks(live=True), "drained", (), "D", undrain=True)
    assert not change.needed and "it was drained by somebody" in change.error


def test_whose_daemon_is_silent() -> None:
    """It is not used."""
    seen = looks(live=True)
    seen[1]["live"]["node3"] = None
    change = readmitted(seen, "drained", (PROBATION,), "D", undrain=True)
    assert not change.needed and "its node daemon does not answer the master" in change.error


@pytest.mark.parametrize("role", ["R", "C"])
@pytest.mark.parametrize("config", [True, False])
def test_what_is_remembered_goes_once_it_is_used(role: str, config: bool) -> None:
    """And an old copy of the configuration with it, on a node that should have none."""
    own = (*WELL[:-1], *(("config is there",) if config else ()), "whole")
    change = readmitted(looks(*own, live=True), "online", (PROBATION, FENCED), role)
    assert sorted(words(change.remove)) == sorted([PROBATION, FENCED]) and not change.add
    stale = config and role == "R"
    assert change.marks == ((Operation.MARK_NODE_CANDIDATE, REGULAR) if stale else ())


def test_a_node_in_use() -> None:
    """There is nothing to do."""
    change = readmitted(looks(live=True), "online", (), "R")
    assert not change.needed and not change.error and "is in use" in change.note
    change = readmitted(looks(live=True), "online", (f"suspect:uuid-node3:{T}:deaf",), "R")
    assert not change.needed and not change.error
    change = readmitted(looks("up 5000", *WELL[1:], live=True), "online", (FENCED,), "R")
    assert not change.needed and "it has not booted since it was said to be off" in change.error


# --- what nobody may do ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["offline", "drained", "online"])
@pytest.mark.parametrize("tag", [f"failed:uuid-node3:0000abcd:{T - 40}:power-off", "probation:uuid-node3"])
def test_an_attempt_that_failed_or_that_nobody_can_read(state: str, tag: str) -> None:
    """A person has to see to it first."""
    change = readmitted(looks(live=state != "offline"), state, (tag, PROBATION), undrain=True)
    assert not change.needed and change.error


def test_a_node_whose_mark_is_not_known() -> None:
    """It is left as it is."""
    assert "the cluster does not say how it is marked" in readmitted(looks(), "unknown").error


@pytest.mark.parametrize(("age", "refused"), [(5, True), (899, True), (901, False)])
def test_a_fence_that_is_under_way(age: int, refused: bool) -> None:
    """Somebody is at its power; after a while nobody is any more."""
    for state in ("offline", "drained", "online"):
        tags = (f"fencing:uuid-node3:0000abcd:{T - age}", PROBATION)
        change = readmitted(looks(live=state != "offline"), state, tags, "C", undrain=True)
        assert ("somebody is powering it off" in change.error) is refused and change.needed is not refused


def test_volumes_are_named() -> None:
    """Those that Ganeti has made."""
    own = (BOOTED, "guests told", "missing 0 xenvg", "volume a.disk0_data web1", "volume other", "whole")
    assert readmitted(looks(*own)).volumes == (("xenvg/a.disk0_data", "web1"),)
