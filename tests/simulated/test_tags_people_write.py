# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What people say by tags, on a simulated cluster: what is written over either transport, and what comes of it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.testing import patch_module_args

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import parse_permission, permissions
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import (
    Change,
    acknowledge,
    request,
    withdraw,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.apply import carry_out_changes
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    BadOption,
    Forbidden,
    Held,
    QueueDrained,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Client, DryRunClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.client import RapiClient
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import Filter, cases_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.case import Case
from ansible_collections.ganeti.autorepair.plugins.modules import (
    ganeti_autorepair_acknowledge,
    ganeti_autorepair_policy,
    ganeti_autorepair_request,
)
from playbook import Run, play
from simulator import JobTrouble, RequestFault, Simulator
from simulator.faults import DROP_AFTER, DROP_BEFORE, TRUNCATE, Action
from simulator.simulator import wall_clock_cluster

from .conftest import TAG, TRANSPORTS, Site

NOW = 1_800_000_000  # where virtual time begins
Result = Mapping[str, Any]
Say = Callable[[Site, Client], Iterable[Change]]  # what is said, after a look at the cluster


def policy(state: str, *names: str, scope: str = "instance", **options: str) -> Say:
    """What the module of that name says."""

    def changes(site: Site, client: Client) -> Iterable[Change]:
        given = options.get("allow"), options.get("until")
        permission = parse_permission(state, *given, site.cluster.clock.now())
        return permissions(read_cluster(client), scope, Filter(names), permission)

    return changes


def ask(kind: str, *names: str) -> Say:
    """A repair is asked for."""
    wanted = RepairType.parse(kind)
    assert wanted
    return lambda site, client: request(_cases(site, client, names), wanted, site.cluster.clock.now(), site.new_id)


def take_back(*names: str) -> Say:
    """It is not wanted any more."""
    return lambda site, client: withdraw(_cases(site, client, names))


def forgive(*names: str) -> Say:
    """Failures were looked into."""
    return lambda site, client: acknowledge(_cases(site, client, names))


def _cases(site: Site, client: Client, names: tuple[str, ...]) -> tuple[Case, ...]:
    return cases_of(read_cluster(client), Filter(names), site.cluster.clock.now())


def tell(site: Site, what: Say, check: bool = False) -> Result:
    """Say it, as the modules do; jobs go on while they are waited for."""
    client = site.client()
    changes = tuple(what(site, client))
    return carry_out_changes(changes, DryRunClient(client) if check else client, "", site.terms("person"))


def rounds(site: Site, number: int) -> None:
    """So many, each after the jobs of the one before."""
    for _ in range(number):
        site.run_round()
        site.simulator.advance_until_idle()


def errors(result: Result) -> list[str]:
    """What went wrong."""
    return [one["error"] for one in result["objects"] if one["error"]]


# what is said; tags of all objects before and after, of instances if they are not called otherwise
EFFECTS = [
    ("allow it on the cluster", policy("enabled", scope="cluster", allow="migrate"), {}, {"cluster": "migrate"}),
    (
        "less on the cluster",
        policy("enabled", scope="cluster", allow="migrate"),
        {"cluster": "failover reinstall"},
        {"cluster": "migrate"},
    ),
    (
        "allow it on a group",
        policy("enabled", "rack2", scope="group", allow="reinstall"),
        {"rack2": "migrate"},
        {"rack2": "reinstall"},
    ),
    (
        "all groups suspended",
        policy("suspended", "*", scope="group", until="+2h"),
        {"rack2": "suspend failover"},
        {"rack2": f"failover suspend:{NOW + 7200}", "default": f"suspend:{NOW + 7200}"},
    ),
    (
        "a group resumed",
        policy("resumed", "RACK2", scope="group"),
        {"rack2": "suspend suspend:7 failover", "default": "suspend"},
        {"rack2": "failover", "default": "suspend"},
    ),
    (
        "nothing allowed on instances any more",
        policy("disabled", "*"),
        {"db": "failover suspend", "web": "migrate reinstall x"},
        {"db": "suspend", "web": "x"},
    ),
    ("a repair", ask("failover", "db"), {"db": "migrate"}, {"db": f"migrate pending:failover:repair-1:{NOW}:"}),
    ("no repair", take_back("d?"), {"db": "pending:failover:x:5: pending:migrate:y:7:"}, {}),
    (
        "failures",
        forgive("*"),
        {"db": "result:failover:x:5:failure:7 result:migrate:z:6:success:", "web": "result:migrate:y:5:failure:"},
        {"db": "result:migrate:z:6:success:"},
    ),
]


def _set(site: Site, tags: Mapping[str, str]) -> None:
    for name, words in tags.items():
        _tagged(site)[name].update(TAG + word for word in words.split())


def _tagged(site: Site) -> dict[str, set[str]]:
    one = site.cluster
    groups = {name: one.groups[name].tags for name in ("default", "rack2")}
    return {"cluster": one.tags, **groups, **{name: one.instance(name).tags for name in ("db", "web")}}


@pytest.mark.parametrize(("what", "before", "after"), [row[1:] for row in EFFECTS], ids=[row[0] for row in EFFECTS])
def test_what_is_written(site: Site, what: Say, before: Mapping[str, str], after: Mapping[str, str]) -> None:
    """Check mode writes nothing and tells what it would; said again, nothing is written, and told so."""
    for name in ("db", "web"):
        site.cluster.add_instance(name, "rbd", "node3")
    _set(site, before)
    dry = tell(site, what, check=True)
    assert not site.simulator.log.writes()
    assert dry["changed"] and dry["diff"]
    site.ids = iter([1, 2])  # type: ignore[assignment]
    told = tell(site, what)
    assert not errors(told)
    assert {key: told[key] for key in ("changed", "diff")} == {key: dry[key] for key in ("changed", "diff")}
    would = [line.replace(": added", ": would add").replace("; removed", "; would remove") for line in told["report"]]
    assert dry["report"] == [line.replace(": removed", ": would remove") for line in would]
    assert {name: tags for name, tags in _tagged(site).items() if tags} == {
        name: {TAG + word for word in words.split()} for name, words in after.items()
    }
    site.simulator.log.clear()
    again = tell(site, what)
    assert not again["changed"] and not again["diff"]
    assert not site.simulator.log.writes()


# --- and what rounds make of it ---------------------------------------------------------------------------------------


@pytest.fixture(params=TRANSPORTS)
def near(request: pytest.FixtureRequest) -> Site:
    """A cluster of six nodes, reached over RAPI or LUXI, without sockets."""
    return Site(Simulator(), request.param, direct=True)


def test_a_repair_that_was_asked_for(near: Site) -> None:
    """It is carried out, though nothing is allowed; once, and then nothing is asked for any more."""
    near.cluster.add_instance("db", "drbd", "node3", "node2")
    near.cluster.add_instance("web", "drbd", "node3", "node2")
    near.kill("node3")
    assert not near.run_round().changed
    tell(near, ask("failover", "db"))
    assert not tell(near, ask("migrate", "db"))["changed"]
    near.play_until_quiet()
    (tag,) = near.tags("db")
    assert tag.startswith("result:failover:repair-1:") and ":success:" in tag
    assert (near.state("db"), near.state("web")) == ("healthy", "repair_disallowed")
    assert tell(near, take_back("db"))["report"] == ["db: nothing to change; no repair is requested"]


def test_more_is_asked_for(near: Site) -> None:
    """Before it has begun, there is one repair of the higher type; after that, one after the other."""
    for name in ("db", "web"):
        near.cluster.add_instance(name, "plain", "node3")
    near.kill("node3")
    tell(near, ask("migrate", "*"))
    tell(near, ask("reinstall", "db"))
    assert len(near.tags("db")) == 1
    near.play_until_quiet()
    assert near.state("db") == "healthy" and [tag.split(":")[1] for tag in near.tags("db")] == ["reinstall"]
    assert near.tags("web")[0].split(":")[4] == "enoperm"


def test_more_is_asked_for_while_less_is_under_way(near: Site) -> None:
    """It is asked for once, however often, and can be withdrawn; what is under way goes on."""
    near.cluster.add_instance("db", "drbd", "node3", "node2")
    near.allow("failover")
    near.kill("node3")
    near.run_round()
    near.simulator.advance_until_idle()
    tell(near, ask("reinstall", "db"))
    assert {tag.split(":")[2] for tag in near.tags("db")} == {"repair-1", "repair-2"}
    again = tell(near, ask("reinstall", "db"))
    assert not again["changed"] and "a reinstall repair was already requested at" in again["report"][0]
    told = tell(near, take_back("db"))
    assert not errors(told) and "the one that has started continues" in told["report"][0]
    with pytest.raises(BadOption, match="the repair of db has started"):
        tell(near, take_back("db"))
    near.play_until_quiet()
    (tag,) = near.tags("db")
    assert tag.startswith("result:failover:") and not near.cluster.instance("db").wiped


def test_what_is_withdrawn_is_not_done(near: Site) -> None:
    """Nothing of it is left."""
    near.break_two()
    near.cluster.tags.clear()
    tell(near, ask("failover", "*"))
    tell(near, take_back("web"))
    near.play_until_quiet()
    assert (near.state("db"), near.state("web"), near.tags("web")) == ("healthy", "repair_disallowed", [])


def test_a_suspend_holds_what_was_asked_for(near: Site) -> None:
    """Until it is resumed."""
    near.break_two()
    tell(near, policy("suspended", "db", until="+2h"))
    tell(near, ask("failover", "db"))
    rounds(near, 3)
    assert (near.state("db"), near.state("web")) == ("suspended", "healthy")
    assert near.tags("db")[0].startswith("pending:failover:repair-1:18000000")
    tell(near, policy("resumed", "db"))
    near.play_until_quiet()
    assert near.state("db") == "healthy"


def test_a_suspend_ends(near: Site) -> None:
    """At the time that was said, and not before; the round takes the tag away."""
    near.break_two()
    tell(near, policy("suspended", "default", scope="group", until="+2h"))
    near.simulator.advance(7100)
    near.play_until_quiet(rounds=2)
    assert near.state("db") == "suspended"
    near.simulator.advance(100)
    near.play_until_quiet()
    assert near.state("db") == "healthy" and not near.cluster.groups["default"].tags


def test_a_failure_that_was_looked_into(near: Site) -> None:
    """It keeps repairs from beginning, and being asked for; once it is acknowledged, a new one begins."""
    near.break_two()
    near.simulator.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "fail", instance="db", text="No", times=9))
    near.play_until_quiet()
    assert (near.state("db"), near.state("web")) == ("repair_failed", "healthy")
    with pytest.raises(BadOption, match="a repair of db has failed; acknowledge it first; nothing was done"):
        tell(near, ask("reinstall", "*"))
    near.simulator.troubles.waiting.clear()
    assert not near.run_round().changed
    told = tell(near, forgive("*"))
    assert told["report"][1] == "web: nothing to change; no repair of it has failed"
    near.play_until_quiet()
    assert near.state("db") == "healthy"


def test_a_repair_holds_its_instance(near: Site) -> None:
    """A tag's job waits behind it: after a minute that is told, and the suspend comes in time all the same."""
    near.cluster.add_instance("db", "drbd", "node3", "node2")
    near.cluster.add_instance("web", "rbd", "node2")
    near.allow("failover")
    near.kill("node3")
    near.cluster.queue.durations.opcodes["OP_INSTANCE_FAILOVER"] = 600
    near.run_round()
    told = tell(near, policy("suspended", "*"))
    assert "has not ended yet" in told["report"][0] and told["changed"]
    assert (near.tags("web"), "suspend" in near.tags("db")) == (["suspend"], False)
    near.simulator.advance_until_idle()
    assert "suspend" in near.tags("db")
    rounds(near, 3)
    assert near.state("db") == "suspended" and near.cluster.instance("db").primary == "node2"
    tell(near, policy("resumed", "*"))
    near.play_until_quiet()
    assert near.state("db") == "healthy"


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", [DROP_BEFORE, DROP_AFTER, TRUNCATE])
def test_a_lost_answer(site: Site, action: Action) -> None:
    """The others are written, and it is said; said again, what is missing is written."""
    site.break_two()
    fault = "*OP_TAGS_SET* db" if site.transport == "luxi" else "/2/instances/db/tags"
    site.simulator.faults.add(RequestFault(path=fault, action=action))
    told = tell(site, policy("suspended", "*"))
    (error,) = errors(told)
    assert "add-tags" in error and "db" in error and told["changed"]
    assert site.tags("web") == ["suspend"]
    site.simulator.advance_until_idle()
    assert tell(site, policy("suspended", "*"))["changed"] == (action == DROP_BEFORE)
    assert site.tags("db") == ["suspend"]


def test_a_drained_queue(site: Site) -> None:
    """One request finds out, and one sentence says it."""
    site.break_two()
    site.cluster.queue.drained = True
    with pytest.raises(QueueDrained, match="gnt-cluster queue undrain opens the queue again"):
        tell(site, policy("suspended", "*"))
    assert len(site.simulator.log.writes()) == 1
    assert site.tags("db") == site.tags("web") == []


def test_a_user_who_may_only_read(site: Site) -> None:
    """The same; LUXI has no such users."""
    site.break_two()
    client = RapiClient(site.options(user="viewer", password="viewersecret"))
    for what in (policy("suspended", "*"), ask("failover", "*")):
        with pytest.raises(Forbidden, match="the user viewer needs write access in Ganeti's rapi/users file"):
            carry_out_changes(what(site, client), client, "", site.terms("person"))
    assert site.tags("db") == site.tags("web") == [] and len(site.simulator.log.writes()) == 2


# --- others at the same time ------------------------------------------------------------------------------------------


def meanwhile(site: Site, words: str, what: Callable[[], None]) -> None:
    """Something happens just before the next write that holds such words."""
    hooks = site.simulator.hooks.before

    def before(one: Any) -> None:
        if one.writes and words in f"{one.target} {one.body.decode()}".lower():
            hooks.clear()
            what()

    hooks.append(before)


# what two people say at once; tags of db before and after; the one that comes, as the second is told
TWICE = [
    ("allow", policy("enabled", "db", allow="failover"), "migrate", "failover", "failover"),
    ("disallow", policy("disabled", "db"), "migrate reinstall", "", ""),
    ("resume", policy("resumed", "db"), "suspend failover", "failover", ""),
    ("suspend", policy("suspended", "db"), "suspend:7", "suspend", "suspend"),
    ("acknowledge", forgive("db"), "result:failover:x:5:failure:7 pending:failover:x:3:7", "", ""),
    ("withdraw", take_back("db"), "pending:failover:x:5:", "", ""),
]


@pytest.mark.parametrize(("say", "before", "after", "come"), [row[1:] for row in TWICE], ids=[row[0] for row in TWICE])
def test_two_at_once(near: Site, say: Say, before: str, after: str, come: str) -> None:
    """Both have looked before either has written. What was wished is so, which is no error for either."""
    near.break_two()
    _set(near, {"db": before})
    first, second = near.client(), near.client()
    changes = [tuple(say(near, client)) for client in (first, second)]
    told = [
        carry_out_changes(change, client, "", near.terms("person"))
        for change, client in zip(changes, (first, second), strict=True)
    ]
    assert not errors(told[0]) and not errors(told[1])
    assert near.tags("db") == after.split()
    (one,) = told[1]["objects"]
    assert (one["tags_added"], one["tags_removed"]) == ([TAG + word for word in come.split()], [])
    assert "had already been removed" in one["note"]
    assert told[1]["changed"] == bool(come)


def test_a_round_tidies_up_what_is_acknowledged(near: Site) -> None:
    """Of the tags of the failure one has gone, so Ganeti removes none; the other is removed by another job."""
    near.break_two()
    _set(near, {"db": "result:failover:x:5:failure:7 pending:failover:x:3:7"})
    client = near.client()
    changes = forgive("db")(near, client)
    near.run_round()
    assert near.tags("db") == ["result:failover:x:5:failure:7"]
    told = carry_out_changes(changes, client, "", near.terms("person"))
    assert not errors(told) and near.tags("db") == []


def _began_once(site: Site, name: str) -> bool:
    """Whether there was one failover of an instance, to its good end."""
    site.play_until_quiet()
    jobs = [job for job in site.cluster.queue.jobs.values() if f"INSTANCE_FAILOVER({name})" in job.summary]
    return site.state(name) == "healthy" and len(jobs) == 1 and ":success:" in site.tags(name)[0]


def _asked(site: Site) -> None:
    site.break_two()
    site.cluster.tags.clear()
    tell(site, ask("failover", "*"))


def test_a_withdrawal_that_comes_too_late(near: Site) -> None:
    """A round has begun the repair since the cluster was looked at: that is an error for this instance, and it goes on,
    with its account, and ends once. What has not begun is withdrawn."""
    _asked(near)
    near.cluster.instance("web").tags.clear()
    tell(near, policy("suspended", "web"))
    tell(near, ask("failover", "web"))
    client = near.client()
    late = tuple(take_back("*")(near, client))
    near.run_round()
    told = carry_out_changes(late, client, "", near.terms("person"))
    (error,) = errors(told)
    assert error.startswith(
        "its repair has started in the meantime and continues; a suspend tag prevents its next step"
    )
    db, web = told["objects"]
    assert (db["error"], db["tags_removed"], db["jobs"]) == (error, [], []) and len(web["tags_removed"]) == 1
    assert near.tags("web") == ["suspend"] and not near.cluster.tags
    assert _began_once(near, "db")


def test_a_withdrawal_while_a_round_is_about_to_begin(near: Site) -> None:
    """The round has looked, and sends the step next: nothing is withdrawn, and one sentence says why."""
    _asked(near)
    caught: list[Held] = []

    def withdrawn() -> None:
        with pytest.raises(Held) as error:
            tell(near, take_back("*"))
        caught.append(error.value)

    meanwhile(near, "failover", withdrawn)
    near.run_round()
    assert "is claimed by runner until" in str(caught[0]) and str(caught[0]).endswith("or suspend; nothing was done")
    assert _began_once(near, "db") and _began_once(near, "web")


def test_a_round_while_somebody_withdraws(near: Site) -> None:
    """It leaves the cluster to the one who withdraws, and nothing of the repair is done."""
    _asked(near)
    meanwhile(near, "pending:failover" if near.transport == "luxi" else "pending%3afailover", lambda: quiet(near))
    told = tell(near, take_back("*"))
    assert not near.simulator.hooks.before, "it did not happen"
    assert not errors(told) and not near.cluster.tags and not near.tags("db")
    assert not near.run_round().changed and near.state("db") == "repair_disallowed"


def quiet(site: Site) -> None:
    """A round that writes nothing."""
    assert not site.run_round().changed


def test_a_withdrawal_whose_answer_is_lost(near: Site) -> None:
    """It may still be on its way, so no round begins the repair before the claim has run out."""
    _asked(near)
    fault = ("SubmitJob", "*OP_TAGS_DEL* db") if near.transport == "luxi" else ("DELETE", "/2/instances/db/tags")
    near.simulator.faults.add(RequestFault(*fault, action=DROP_AFTER))
    assert len(errors(tell(near, take_back("*")))) == 1
    assert not near.run_round().changed and len(near.cluster.tags) == 1
    near.simulator.advance(400)
    near.play_until_quiet()
    assert near.state("db") == "repair_disallowed" and not near.tags("db")


def test_a_withdrawal_that_changes_nothing_claims_nothing(near: Site) -> None:
    """Neither does check mode, nor one that is refused as the repair has begun."""
    _asked(near)
    tell(near, take_back("*"), check=True)
    near.run_round()
    with pytest.raises(BadOption, match="has started"):
        tell(near, take_back("*"))
    near.play_until_quiet()
    near.simulator.log.clear()
    assert not tell(near, take_back("*"))["changed"]
    assert not near.simulator.log.writes()


def test_more_is_asked_for_while_the_round_begins_less(near: Site) -> None:
    """What has begun goes on, what is asked for comes after it."""
    _asked(near)
    client = near.client()
    late = tuple(ask("reinstall", "db")(near, client))
    near.run_round()
    told = carry_out_changes(late, client, "", near.terms("person"))
    assert not errors(told) and not told["objects"][0]["tags_removed"]
    assert told["report"][0].endswith(":; the one that has started continues")
    near.play_until_quiet()
    assert near.state("db") == "healthy" and not near.cluster.instance("db").wiped
    assert ":success:" in near.tags("db")[-1]


def test_a_job_that_somebody_cancels(near: Site) -> None:
    """An error for that one, with what stands; the others are written."""
    near.break_two()
    _set(near, {"db": "migrate", "web": "migrate"})
    near.simulator.troubles.add(JobTrouble("OP_TAGS_SET", "cancel", instance="db"))
    told = tell(near, policy("enabled", "*", allow="failover"))
    (error,) = errors(told)
    assert "ended as canceled" in error and told["objects"][0]["tags_added"] == told["objects"][0]["tags_removed"] == []
    assert (near.tags("db"), near.tags("web")) == (["migrate"], ["failover"])


def test_an_instance_that_goes(near: Site) -> None:
    """Between the look and the write: Ganeti's sentence for it, and the others are written."""
    near.break_two()
    _set(near, {"db": "migrate", "web": "migrate"})
    for what in (policy("disabled", "*"), policy("suspended", "*")):
        client = near.client()
        changes = tuple(what(near, client))
        lost = near.cluster.instances.pop("db")
        told = carry_out_changes(changes, client, "", near.terms("person"))
        (error,) = errors(told)
        assert "Instance 'db' not known" in error and not told["objects"][0]["tags_removed"]
        near.cluster.instances["db"] = lost
    assert near.tags("web") == ["suspend"]


# --- the playbooks ----------------------------------------------------------------------------------------------------

MODULES = [f"ganeti.autorepair.ganeti_autorepair_{name}" for name in ("policy", "request", "acknowledge")]
FAILED = "result:failover:mine:5:failure:7"
UNTIL = 2_114_380_800  # 2037-01-01T00:00:00Z
# playbook, its variables, tags of web1 that come and that go; at first there are FAILED, migrate and suspend:7
SAID = [
    ("enable", "allow: failover, names: [web1], disk_templates: 'drbd, rbd'", ["failover"], ["migrate"]),
    ("suspend", "names: 'WEB*', until: 2037-01-01T00:00:00Z, nodes: node1", [f"suspend:{UNTIL}"], ["suspend:7"]),
    ("resume", "names: web1, tags: '*:autorepair:*'", [], [f"suspend:{UNTIL}"]),
    ("acknowledge", "names: web1", [], [FAILED]),
    ("request", "instances: web1, type: failover", ["pending:failover:"], []),
    ("request", "instances: [web1], withdraw: true", [], ["pending:failover:"]),
]
# playbook, its variables, the report of a dry run
DRY = [
    ("enable", "object: cluster, allow: migrate", "cluster: would add {}migrate"),
    (
        "suspend",
        "object: group, names: '*', until: 2037-01-01T00:00:00Z",
        "group default: would add {}suspend:2114380800; ",
    ),
    ("resume", "names: web1", "web1.example.com: would remove {}suspend:7"),
    ("acknowledge", "instances: web1", "web1.example.com: would remove {}" + FAILED),
    ("request", "instances: 'db*,web2', type: migrate", "db1.example.com: would add {}pending:migrate:"),
]


class Book:
    """A simulated cluster in the machine's time, and playbooks that are run against it."""

    def __init__(self, simulator: Simulator, folder: Path) -> None:
        """Give it three instances on two nodes."""
        self.simulator, self.folder = simulator, folder
        self.cluster = simulator.cluster
        self.cluster.add_group("default")
        for number in (1, 2):
            self.cluster.add_node(f"node{number}.example.com", "default")
        for name, node in (("web1", 1), ("web2", 2), ("db1", 1)):
            self.cluster.add_instance(f"{name}.example.com", "rbd", f"node{node}.example.com")
        self.cluster.instance("web1.example.com").tags.update({TAG + FAILED, TAG + "suspend:7", TAG + "migrate"})

    def run(self, playbook: str, *options: str, **variables: object) -> Run:
        """Run a playbook; what was sent before is forgotten."""
        self.simulator.log.clear()
        return play(self.folder / "run", {**self.options, **variables}, *options, playbook=playbook)

    @property
    def options(self) -> Mapping[str, object]:
        """How it is reached, over either transport."""
        known = self.simulator.settings()
        given = {f"rapi_{name}": known[name] for name in ("host", "port", "user", "password", "ca_path")}
        return {**given, "luxi_socket": known["luxi_socket"]}

    def run_text(self, text: str, *options: str, **variables: object) -> Run:
        """Run a playbook of the user's own."""
        path = self.folder / "book.yml"
        path.write_text(text)
        return self.run(str(path), *options, **variables)

    def tags(self, name: str) -> list[str]:
        """An instance's auto-repair tags, without what they all begin with."""
        return sorted(tag.removeprefix(TAG) for tag in self.cluster.instance(f"{name}.example.com").tags)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    """One that lives a hundred times faster than a real one."""
    with Simulator(wall_clock_cluster(100)) as simulator:
        yield Book(simulator, tmp_path)


def prefixed(words: str) -> str:
    """Variables with their prefix."""
    return re.sub(r"(^|, )(\w+):", r"\1ganeti_autorepair_\2:", words)


def imported(playbook: str, words: str, transport: str) -> str:
    """The play that imports a playbook, with its variables written as in `SAID`."""
    given = prefixed(f"{words}, transport: {transport}")
    return f"- {{import_playbook: ganeti.autorepair.{playbook}, vars: {{{given}}}}}\n"


def results(run: Run) -> list[Result]:
    """What the modules returned, in their order."""
    return [result for module, result in run.results if module in MODULES]


def test_each_playbook_twice(book: Book) -> None:
    """What is said over one transport, and changes something, changes nothing over the other."""
    turns = [TRANSPORTS if number % 2 else TRANSPORTS[::-1] for number in range(len(SAID))]
    plays = [imported(*row[:2], over) for row, turn in zip(SAID, turns, strict=True) for over in turn]
    run = book.run_text("".join(plays))
    assert run.code == 0, run.output
    found = results(run)
    assert len(found) == 2 * len(SAID)
    for (name, given, added, removed), first, second in zip(SAID, found[::2], found[1::2], strict=True):
        (told,) = first["objects"]
        assert first["changed"] and told["name"] == "web1.example.com", (name, given)
        for texts, wanted in ((told["tags_added"], added), (told["tags_removed"], removed)):
            assert [text[: len(TAG + word)] for text, word in zip(texts, wanted, strict=True)] == [
                TAG + word for word in wanted
            ], (name, given)
        assert not second["changed"], (name, given, second)
    assert run.output.count("web1.example.com: nothing to change") == len(SAID)
    assert book.tags("web1") == ["failover"] and book.tags("web2") == []
    assert {type(entry.request).__name__ for entry in book.simulator.log.writes()} == {"Request", "Message"}


def test_each_playbook_as_a_dry_run(book: Book) -> None:
    """It tells what would be changed, shows it with --diff, and writes nothing."""
    plays = [imported(*row[:2], TRANSPORTS[number % 2]) for number, row in enumerate(DRY)]
    run = book.run_text("".join(plays), "--check", "--diff")
    assert run.code == 0, run.output
    assert book.simulator.log.entries and not book.simulator.log.writes()
    for (name, given, line), result in zip(DRY, results(run), strict=True):
        assert result["changed"] and result["report"][0].startswith(line.format(TAG)), (name, given, result["report"])
    assert f"-{TAG}suspend:7" in run.output and f"+{TAG}migrate" in run.output


# sentence, module, its options, words of the sentence that users get
WEB1 = {"names": ["web1"]}
POLICY, REQUEST, ACKNOWLEDGE = ganeti_autorepair_policy, ganeti_autorepair_request, ganeti_autorepair_acknowledge
BAD = [
    (
        "an unknown type",
        POLICY,
        {"state": "enabled", "allow": "restart", **WEB1},
        "must be one of: fix-storage, migrate",
    ),
    ("no type", POLICY, {"state": "enabled", **WEB1}, "state: enabled needs allow"),
    (
        "an unknown type of a repair",
        REQUEST,
        {"type": "Failover", "instances": ["web1"]},
        "must be one of: fix-storage",
    ),
    ("a repair without a type", REQUEST, {"instances": ["web1"]}, "state is present but all of the following are mi"),
    (
        "a state that is none",
        POLICY,
        {"state": "paused", **WEB1},
        "must be one of: enabled, disabled",
    ),
    ("a kind that is none", POLICY, {"object": "node", "names": ["node1"]}, "must be one of: cluster, group, instance"),
    ("a time in the past", POLICY, {"until": "2020-01-01T00:00:00Z", **WEB1}, "that has passed, as it is 20"),
    ("a time without a zone", POLICY, {"until": "2037-01-01T00:00:00", **WEB1}, "ISO 8601 with a time zone"),
    ("a time that is none", POLICY, {"until": "2h", **WEB1}, "until is 2h; it takes"),
    ("a glob that matches nothing", POLICY, {"names": "mail*"}, "nothing in the cluster is called mail*; nothing was"),
    ("one that does, one that does not", POLICY, {"names": "web1,wbe2"}, "nothing in the cluster is called wbe2"),
    ("a list that ends in a comma", POLICY, {"names": "web1,"}, "names: an empty name was given"),
    ("what a shell makes of it", POLICY, {"names": "$(reboot)"}, "nothing in the cluster is called $(reboot);"),
    ("a path", POLICY, {"names": "../cluster"}, "nothing in the cluster is called ../cluster;"),
    ("a group that does not exist", POLICY, {"object": "group", "names": "rack9"}, "in the cluster is called rack9;"),
    ("an instance for a group", POLICY, {"object": "group", **WEB1}, "nothing in the cluster is called web1"),
    ("no names", POLICY, {"until": "+2h"}, "object is instance, but names is empty; for all of them give '*'"),
    ("no instances", ACKNOWLEDGE, {}, "instances is empty; for all of them give '*'"),
    ("names for the cluster", POLICY, {"object": "cluster", **WEB1}, "names is given, but object is cluster"),
    ("one that has failed", REQUEST, {"instances": "*", "type": "migrate"}, "acknowledge it first; nothing was done"),
    ("filters that none fits", ACKNOWLEDGE, {"instances": "web1", "os": "win"}, "matches instances web1 and os win;"),
]


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_bad_input(book: Book, transport: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One clear sentence each, and nothing is written."""
    for case, module, options, words in BAD:
        if module is POLICY:
            state = (
                "suspended" if "until" in options else "resumed" if case not in ("an unknown type", "no type") else ""
            )
            options = {"object": "instance", **({"state": state} if state else {}), **options}
        with patch_module_args({**book.options, "transport": transport, **options}), pytest.raises(SystemExit):
            module.main()
        result = json.loads(capsys.readouterr().out)
        assert result["failed"] and words in result["msg"] and "\n" not in result["msg"], (case, result["msg"])
    assert not book.simulator.log.writes()


# what is wished, the variables, words of the sentence that users get
ROLE = [
    (
        "enabled",
        "names: web1, allow: restart",
        "must be one of: fix-storage, migrate, failover, reinstall, got: restart",
    ),
    ("paused", "names: web1", "must be one of: enabled, disabled, suspended, resumed, stopped, started, got: paused"),
    ("suspended", "names: web1, until: 2020-01-01T00:00:00Z", "that has passed, as it is 20"),
    ("resumed", "object: group, names: rack9", "names: nothing in the cluster is called rack9; nothing was done"),
    (
        "requested",
        "names: 'mail*', type: migrate",
        "instances: nothing in the cluster is called mail*; nothing was done",
    ),
    ("acknowledged", "instances: 'web2, db1'", "web2.example.com: nothing to change; no repair of it has failed"),
    (
        "acknowledged",
        "object: cluster, instances: web2, groups: default",
        "web2.example.com: nothing to change; no repair of it has failed",
    ),
    (
        "requested",
        "object: group, instances: '*', groups: rack9, type: migrate",
        "groups: nothing in the cluster is cal",
    ),
]
TRY = """
    - vars: {{{given}, autorepair_wish: {wish}}}
      block:
        - include_role: {{name: ganeti.autorepair.autorepair, tasks_from: wish}}
      rescue:
        - debug: {{msg: ["{{{{ ansible_failed_result.msg }}}}"]}}
"""


def test_bad_input_for_playbooks(book: Book) -> None:
    """The same sentences, whichever variables it came by; that no repair has failed is no error."""
    tasks = [TRY.format(wish=wish, given=prefixed(given)) for wish, given, _ in ROLE]
    run = book.run_text("- hosts: all\n  gather_facts: false\n  tasks:\n" + "".join(tasks))
    assert run.code == 0, run.output
    told = [result["msg"] for module, result in run.results if module == "ansible.builtin.debug"]
    for (wish, given, words), msg in zip(ROLE, told, strict=True):
        assert words in msg[-1] and "\n" not in msg[-1] and "Traceback" not in msg[-1], (wish, given, msg)
    assert not book.simulator.log.writes()


def test_from_the_command_line(book: Book) -> None:
    """Names are joined by commas, and the time is counted from now on."""
    before = time.time()
    run = book.run(
        "ganeti.autorepair.suspend", "-e ganeti_autorepair_until=+2h -e ganeti_autorepair_names=web2,db1.example.com"
    )
    assert run.code == 0, run.output
    (tag,) = book.tags("web2")
    assert book.tags("db1") == [tag] and len(book.tags("web1")) == 3
    end = int(tag.removeprefix("suspend:"))
    assert int(before) + 7200 <= end <= time.time() + 7200
    told = datetime.fromtimestamp(end, UTC).strftime("suspended until %Y-%m-%dT%H:%M:%SZ")
    assert all(line.endswith(told) for line in results(run)[0]["report"])
