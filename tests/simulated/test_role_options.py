# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What the role's rounds go by: the variables, all of them and nothing else, also where those can't be made out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from playbook import Run, play
from simulator import Simulator
from simulator.examples import example
from simulator.simulator import wall_clock_cluster

from .test_here_or_sent import reach

BOOK = """
- hosts: all
  gather_facts: false
  {keywords}
  tasks:
    - ansible.builtin.import_role: {{name: ganeti.autorepair.autorepair{options}}}
      {more}
"""
DEFAULTS = """module_defaults:
    group/ganeti.autorepair.all: {rapi_host: nowhere.invalid}
    group/ganeti.autorepair.round: {fencing: offline_flag}
    ganeti.autorepair.ganeti_autorepair_facts: {instances: [nothing*]}
    ganeti.autorepair.ganeti_autorepair_step: {fencing: offline_flag, reason: the play's}
"""
SUSPENDS = """
- name: Have nothing else done while the node goes off
  ganeti.autorepair.ganeti_autorepair_policy: {object: cluster, state: suspended, until: +2h}
- ansible.builtin.debug: {msg: it is off}
"""

Play = Callable[..., Run]


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    """A cluster that is broken in the usual ways."""
    with Simulator(example(wall_clock_cluster(20)), folder=tmp_path) as simulator:
        yield simulator


@pytest.fixture
def played(simulator: Simulator, tmp_path: Path) -> Play:
    """Plays a round on it, by the playbook of the collection unless something is given for one of its own."""

    def played(*options: str, keywords: str = "", more: str = "", **variables: object) -> Run:
        book = tmp_path / "book.yml"
        book.write_text(BOOK.format(keywords=keywords, options="", more=more))
        where = {**reach(simulator, "rapi"), **variables}
        name = str(book) if keywords or more else "ganeti.autorepair.repair"
        return play(tmp_path / "run", where, *options, playbook=name)

    return played


def fenced_off(run: Run) -> list[str]:
    """The instances that wait for a node to be fenced."""
    return [name for one in run.step["held"] if one["why"] == "fencing" for name in one["instances"]]


@pytest.mark.parametrize("name", ["{{ rack_files }}/fence.yml", "{{ {}.rack }}"])
@pytest.mark.parametrize("approved", [{}, {"approved_plan": "0" * 64}], ids=["a round", "an approved plan"])
def test_a_fence_that_can_not_be_named(played: Play, simulator: Simulator, name: str, approved: dict[str, str]) -> None:
    """No round without it: Ansible takes a variable with an undefined one in it for undefined."""
    run = played(fence_tasks=name, **approved)
    assert run.code == 2, run.output
    assert not simulator.cluster.queue.jobs


def test_what_the_play_sets_for_modules(played: Play) -> None:
    """It does not reach into the role, where it could take a brake away."""
    run = played("--check", keywords=DEFAULTS, fencing="confirmed")
    assert run.code == 0, run.output
    assert len(run.instances) == 15
    assert fenced_off(run)
    assert not any("the play's" in str(result) for _, result in run.results)


@pytest.mark.parametrize(
    ("option", "value"), [("wait", "perhaps"), ("connections", "many"), ("wait_timeout", "1h"), ("retries", "x")]
)
def test_a_slip_where_nothing_is_to_be_done(played: Play, option: str, value: str) -> None:
    """It is told at once, not in the night in which the first node dies."""
    run = played(**{option: value, "instances": ["web1*"]})
    assert run.code == 2 and option in run.messages[0], run.output


def test_errors_that_are_ignored(played: Play) -> None:
    """What is left is why the cluster could not be read."""
    run = played(more="ignore_errors: true", rapi_password="wrong")
    assert run.code == 0, run.output
    assert all("401" in message for message in run.messages), run.messages


def test_a_fence_that_sets_tags(played: Play, tmp_path: Path) -> None:
    """A file that fences reaches the cluster as the role does."""
    file = tmp_path / "fence.yml"
    file.write_text(SUSPENDS)
    run = played(fence_tasks=str(file))
    assert "not fenced" not in run.output and not run.failures, run.output


def test_the_requests_of_a_round(played: Play, simulator: Simulator) -> None:
    """Facts spare the step a look: one where nothing is to be done; else one before the claim, one under it, and one at
    the end."""
    looks = []
    for instances in (["web1*"], ["*"]):
        simulator.log.clear()
        run = played(instances=instances)
        assert run.code == 0, run.output
        wholes = [
            entry for entry in simulator.log.entries if entry.request.method == "GET"
        ]  # the last look asks by PUT
        looks.append(sum("/2/query/group" in entry.request.target for entry in wholes))
    assert looks == [1, 3]
