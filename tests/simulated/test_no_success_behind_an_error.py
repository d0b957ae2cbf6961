# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A law over all that people say, and all that can go wrong with it: nothing sounds like success behind an error."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import parse_permission, permissions
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import (
    Change,
    acknowledge,
    request,
    withdraw,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.apply import carry_out_changes
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AutorepairError
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import Filter, cases_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.terms import RunContext
from simulator import JobTrouble, RequestFault, Simulator
from simulator.faults import ANSWER, DROP_AFTER, DROP_BEFORE, TRUNCATE, Action

from .conftest import TAG, TRANSPORTS, Site

FAILED = "result:failover:x:5:failure:7"
# what is said of which kind of object, with which option; the tags that stand before
SAID = [
    ("enabled", "instance", "failover", "migrate"),
    ("enabled", "group", "failover", "migrate fix-storage"),
    ("enabled", "cluster", "failover", "migrate"),
    ("disabled", "instance", None, "migrate"),
    ("disabled", "cluster", None, "migrate"),
    ("suspended", "instance", "+2h", "suspend"),
    ("suspended", "instance", None, "suspend:1700000000"),
    ("suspended", "group", "+2h", "suspend suspend:soon"),
    ("suspended", "cluster", "+2h", ""),
    ("suspended", "cluster", None, ""),
    ("resumed", "instance", None, "suspend suspend:soon"),
    ("resumed", "cluster", None, "suspend"),
    ("stopped", "cluster", None, "Stop"),
    ("started", "cluster", None, "stop Stop"),
    ("requested", "instance", "reinstall", "pending:failover:y:5: suspend"),
    ("requested", "instance", "reinstall", "suspend"),
    ("withdrawn", "instance", None, "pending:failover:y:5:"),
    ("acknowledged", "instance", None, FAILED),
]
NAMES = {"instance": ("db", "web"), "group": ("default", "rack2"), "cluster": ("",)}


def said(site: Site, state: str, scope: str, option: str | None) -> Iterable[Change]:
    """What makes it so."""
    cluster, now = read_cluster(site.client()), site.cluster.clock.now()
    cases = () if scope != "instance" else cases_of(cluster, Filter(NAMES[scope]), now)
    if state == "requested":
        return request(cases, RepairType.parse(str(option)) or RepairType.MIGRATE, now, site.new_id, "it is stopped")
    if state in ("withdrawn", "acknowledged"):
        return withdraw(cases) if state == "withdrawn" else acknowledge(cases)
    options = (option, None) if state == "enabled" else (None, option)
    names = () if scope == "cluster" else NAMES[scope]
    return permissions(cluster, scope, Filter(names), parse_permission(state, *options, now))


def tags(site: Site, scope: str, name: str) -> set[str]:
    """The tags of an object."""
    one = site.cluster
    return one.tags if scope == "cluster" else one.groups[name].tags if scope == "group" else one.instance(name).tags


# --- what goes wrong --------------------------------------------------------------------------------------------------

Trouble = Callable[[Site, str, str], None]


def job(opcode: str, manner: Any) -> Trouble:
    """The next job of that kind, on db if it is about instances, ends badly."""

    def add(site: Site, scope: str, name: str) -> None:
        about = name if scope == "instance" else None
        site.simulator.troubles.add(JobTrouble(opcode, manner, instance=about, times=9))

    return add


def answer(removes: bool, action: Action, skip: int = 0) -> Trouble:
    """The next request that writes tags of the object is refused, or gets no answer."""

    def add(site: Site, scope: str, name: str) -> None:
        if site.transport == "luxi":
            path = f"*OP_TAGS_{'DEL' if removes else 'SET'}*{name}"
            fault = RequestFault("SubmitJob", path, action, skip=skip, times=9)
        else:
            path = "/2/tags" if scope == "cluster" else f"/2/{scope}s/{name}/tags"
            fault = RequestFault("DELETE" if removes else "PUT", path, action, skip=skip, times=9)
        site.simulator.faults.add(fault)

    return add


def nobody_sees(site: Site, scope: str, name: str) -> None:
    """Once something was written, no job can be looked at any more."""
    method, path = ("Query", "*job*") if site.transport == "luxi" else ("*", "/2/query/job")

    def blind(one: Any) -> None:
        if one.writes and scope in ("instance", "group") and name in f"{one.target}{one.body.decode()}":
            site.simulator.faults.add(RequestFault(method, path, ANSWER, times=99))

    site.simulator.hooks.before.append(blind)


def drained(site: Site, scope: str, name: str) -> None:
    """The job queue takes no jobs."""
    site.cluster.queue.drained = True


def goes(site: Site, scope: str, name: str) -> None:
    """The instance is removed."""
    if scope == "instance":
        site.cluster.instances.pop(name)


def jobs_wait(site: Site, scope: str, name: str) -> None:
    """Jobs have to wait for longer than anybody waits for them."""
    site.cluster.queue.durations.before_start = 100


def both(*troubles: Trouble) -> Trouble:
    """All of it."""

    def add(site: Site, scope: str, name: str) -> None:
        for trouble in troubles:
            trouble(site, scope, name)

    return add


TROUBLES: Mapping[str, Trouble] = {
    "nothing": lambda site, scope, name: None,
    "the job that adds fails": job("OP_TAGS_SET", "fail"),
    "the job that adds is canceled": job("OP_TAGS_SET", "cancel"),
    "the job that removes fails": job("OP_TAGS_DEL", "fail"),
    "the job that removes is canceled": job("OP_TAGS_DEL", "cancel"),
    "adding is refused": answer(False, ANSWER),
    "removing is refused": answer(True, ANSWER),
    "adding is lost": answer(False, DROP_BEFORE),
    "adding gets no answer": answer(False, DROP_AFTER),
    "adding gets half an answer": answer(False, TRUNCATE),
    "the second to add gets no answer": answer(False, DROP_AFTER, skip=1),
    "removing is lost": answer(True, DROP_BEFORE),
    "removing gets no answer": answer(True, DROP_AFTER),
    "nobody sees what became of it": nobody_sees,
    "a job fails, and nobody sees it": both(job("OP_TAGS_SET", "fail"), nobody_sees),
    "a job fails, and the next answer is lost": both(job("OP_TAGS_SET", "fail"), answer(True, DROP_BEFORE)),
    "the queue is drained": drained,
    "the instance goes": goes,
    "jobs wait": jobs_wait,
}


@pytest.mark.parametrize("trouble", TROUBLES)
@pytest.mark.parametrize(
    ("state", "scope", "option", "before"), SAID, ids=[" ".join(map(str, row[:3])) for row in SAID]
)
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nothing_sounds_like_success_behind_an_error(
    transport: str, state: str, scope: str, option: str | None, before: str, trouble: str
) -> None:
    """Nothing is noted there, what counts as added stands, and what counts as removed does not. Without an error all
    that was to be written is so, or its job still waits, which is said first."""
    site = Site(Simulator(), transport, direct=True)
    site.break_two()
    site.cluster.tags.clear()
    for name in NAMES[scope]:
        tags(site, scope, name).update(TAG + word for word in before.split())
    changes = tuple(said(site, state, scope, option))
    TROUBLES[trouble](site, scope, NAMES[scope][0])
    terms = RunContext("person", site.cluster.clock.now, site.simulator.advance)
    try:
        told = carry_out_changes(changes, site.client(), "", terms)
    except AutorepairError:  # one sentence, and no result; the tags are as they were
        assert trouble != "nothing"
        return
    for change, one, line in zip(changes, told["objects"], told["report"], strict=True):
        with suppress(Exception):
            site.simulator.advance_until_idle()
        gone = scope == "instance" and one["name"] not in site.cluster.instances
        standing = set() if gone else tags(site, scope, one["name"])
        assert set(one["tags_added"]) <= standing
        assert not set(one["tags_removed"]) & standing
        if one["error"]:
            assert one["note"] is None and trouble != "nothing"
            assert line.endswith(one["error"])
        else:
            assert set(change.add) <= standing and not set(change.remove) & standing
            late = "has not ended yet" in line
            assert not late or line.partition("job ")[2].partition(";")[0].endswith("will be done after that")
