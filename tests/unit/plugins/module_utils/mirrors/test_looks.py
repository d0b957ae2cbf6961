# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A look at mirrors asks in the cheapest way that is open: the nodes first, and by jobs only what they did not tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from unit.plugins.module_utils.builders import NOW, OFFLINE, ONLINE, Member, cluster, drbd
from unit.plugins.module_utils.fake import Clock, terms

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Client
from ansible_collections.ganeti.autorepair.plugins.module_utils.mirrors import looks
from ansible_collections.ganeti.autorepair.plugins.module_utils.mirrors.copies import Device, Mirror
from ansible_collections.ganeti.autorepair.plugins.module_utils.mirrors.looks import MOST_BY_JOB, Ways, look_at_mirrors
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import cases_at

SILENT = "nobody listens"


@dataclass
class Nodes:
    """A cluster whose nodes have these addresses, and tell these things."""

    addresses: Mapping[str, object]
    told: Mapping[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    by_job: list[str] = field(default_factory=list)

    def query(self, resource: str, fields: tuple[str, ...]) -> list[tuple[tuple[int, object], ...]]:
        """See Client."""
        assert (resource, fields) == ("node", ("name", "pip"))
        return [((0, name), (0, address)) for name, address in self.addresses.items()]

    def ask_nodes(self, addresses: Mapping[str, str], port: int, seconds: float) -> Mapping[str, Any]:
        """See mond."""
        self.asked += addresses.values()
        return {name: self.told.get(name, SILENT) for name in addresses}

    def ask_mirrors(self, instances: Any, client: object, terms: object) -> dict[str, Mirror]:
        """See devices."""
        self.by_job += [instance.name for instance in instances]
        return {instance.name: Mirror(instance, True, "by job") for instance in instances}


def look(monkeypatch: pytest.MonkeyPatch, nodes: Nodes, *members: Member, by_jobs: bool = True) -> dict[str, str]:
    """Look at all instances, and return what was found of each, in words."""
    monkeypatch.setattr(looks, "ask_nodes", nodes.ask_nodes)
    monkeypatch.setattr(looks, "ask_mirrors", nodes.ask_mirrors)
    one, client = cluster(*members), cast(Client, nodes)
    found = look_at_mirrors(cases_at(one, NOW), one, client, terms(Clock()), Ways(1815, 20, by_jobs))
    return {mirror.instance.name: mirror.words for _change, mirror in found}


def test_the_primary_s_node_is_asked_at_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no node without a mirror that can be looked at."""
    nodes = Nodes({"web1-p": "192.0.2.1", "web1-s": "192.0.2.2", "web2-p": "192.0.2.3", "web2-s": "192.0.2.4"})
    look(monkeypatch, nodes, drbd("web1", ONLINE, ONLINE), drbd("web2", OFFLINE, ONLINE))
    assert (nodes.asked, nodes.by_job) == (["192.0.2.1"], ["web1"])


@pytest.mark.parametrize("addresses", [{}, {"web1-p": None}, {"web1-p": 7}], ids=["none", "not known", "nonsense"])
def test_a_node_without_an_address(monkeypatch: pytest.MonkeyPatch, addresses: Mapping[str, object]) -> None:
    """It can't be asked, so a job is; where no job may be, that is what is said."""
    assert look(monkeypatch, Nodes(addresses), drbd("web1", ONLINE, ONLINE)) == {"web1": "by job"}
    (words,) = look(monkeypatch, Nodes(addresses), drbd("web1", ONLINE, ONLINE), by_jobs=False).values()
    assert "it has no address" in words


def test_what_a_node_has_told_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """No job for it."""
    told = {"web1-p": (Device("web1", "Primary", "Connected", "UpToDate", "UpToDate"),)}
    nodes = Nodes({"web1-p": "192.0.2.1"}, told)
    assert look(monkeypatch, nodes, drbd("web1", ONLINE, ONLINE))["web1"] != "by job"
    assert nodes.by_job == []


@pytest.mark.parametrize(("told", "by_job"), [((), []), (SILENT, ["web1"])], ids=["its node told", "nobody told"])
def test_one_that_is_stopped_has_no_devices(monkeypatch: pytest.MonkeyPatch, told: Any, by_job: list[str]) -> None:
    """Where its node has told of all that it has, no job could tell more."""
    nodes = Nodes({"web1-p": "192.0.2.1"}, {"web1-p": told})
    look(monkeypatch, nodes, drbd("web1", ONLINE, ONLINE, admin_state="down"))
    assert nodes.by_job == by_job


def test_so_many_are_asked_by_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that run first; the others wait for the next look."""
    stopped = [drbd(f"a{number:03}", ONLINE, ONLINE, admin_state="down") for number in range(MOST_BY_JOB)]
    nodes = Nodes({})
    look(monkeypatch, nodes, *stopped, drbd("web1", ONLINE, ONLINE))
    assert (len(nodes.by_job), nodes.by_job[0]) == (MOST_BY_JOB, "web1")


@pytest.mark.parametrize(
    ("port", "seconds", "words"),
    [(0, 20, "mond_port is 0"), (65536, 20, "mond_port is 65536"), (1815, 0, "probe_timeout is 0")],
)
def test_ways_that_can_not_be_meant(port: int, seconds: float, words: str) -> None:
    """Refused before anybody is asked."""
    with pytest.raises(BadOption, match=words):
        Ways(port, seconds, by_jobs=True)
