# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Any JSON value in any field of any answer: never a traceback, and nothing is done where it had to be known."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from unit.plugins.module_utils.scenes import html_of

from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.permissions import parse_permission, permissions
from ansible_collections.ganeti.autorepair.plugins.module_utils.changes.requests import (
    Change,
    acknowledge,
    request,
    withdraw,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.commands.apply import carry_out_changes
from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import AutorepairError
from ansible_collections.ganeti.autorepair.plugins.module_utils.execution.rounds import result
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.model import RepairType
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.selection import Filter, cases_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries.cluster import read_cluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.action import Action
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.metrics import metrics
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.summary import Look, report_of
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Fencing
from simulator import Simulator
from simulator.http import Response, answer
from simulator.trouble import JobTrouble
from unbraked import unbraked

from .conftest import TAG, Site
from .direct import TRANSPORTS

FIELDS = {  # of each answer, those that are asked for
    "node": ("name", "group", "offline", "drained", "vm_capable", "mtime", "powered", "dfree", "mfree"),
    "group": ("name", "tags", "alloc_policy"),
    "instance": (
        "name",
        "uuid",
        "disk_template",
        "os",
        "pnode",
        "snodes",
        "admin_state",
        "tags",
        "be/always_failover",
        "be/maxmem",
        "disk.sizes",
        "forthcoming",
    ),
    "job": ("id", "status", "summary", "opstatus", "opresult", "ops", "end_ts"),
    "info": (
        "name",
        "master",
        "software_version",
        "uuid",
        "tags",
        "default_iallocator",
        "enabled_disk_templates",
        "drain_flag",
        "watcher_pause",
    ),
}
SPOTS = [(resource, field) for resource, fields in FIELDS.items() for field in fields]
ESCAPE, TURNED = "\x1b]0;owned\x07\x9b31m\rdone\n", "\u202egnp.\u2066"
ODD: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    7,
    0.5,
    float("nan"),
    float("inf"),
    -float("inf"),
    1e300,
    10**400,
    2**63,
    "",
    "web",
    ESCAPE,
    TURNED,
    "\ud800",
    "x" * 3000,
    [],
    [1, 2],
    [None],
    ["x", 1],
    [[], {}],
    [10**400, 10**400],
    [float("nan"), 0],
    [ESCAPE, TURNED],
    [f"{TAG}suspend{ESCAPE}", f"{TAG}pending:migrate:{TURNED}:1:", f"{TAG}failover{ESCAPE}"],
    [["error", ["x", []]], ["error", [ESCAPE, TURNED]]],
    ["error", "error"],
    [{"instance_name": 7, "reason": 7}, {"instance_name": "db", "reason": [[1, 2, 3], [], 7], "nodes": [{}]}, 7],
    {},
    {"a": [ESCAPE]},
    {ESCAPE: None},
]
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=20) | some.sampled_from(ODD),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@dataclass(frozen=True)
class Oddity:
    """A value where it does not belong: in a field of all objects of a resource, or of that with one name."""

    resource: str
    field: str
    value: Any
    name: str = ""
    place: str = "value"

    def info(self, known: dict[str, Any]) -> dict[str, Any]:
        """What the cluster says of itself."""
        if (self.resource, self.place) == ("info", "answer"):
            return self.value
        return {**known, self.field: self.value} if self.resource == "info" else known

    def config(self, names: list[str], values: list[Any]) -> list[Any]:
        """Values of the configuration, over LUXI."""
        if (self.resource, self.place) == ("info", "row"):
            return self.value
        here = self.resource == "info"
        return [self.value if here and name == self.field else value for name, value in zip(names, values, strict=True)]

    def table(self, resource: str, fields: list[str], table: dict[str, Any]) -> dict[str, Any]:
        """The answer to a query."""
        if resource == self.resource and self.place == "answer":
            return self.value
        if resource == self.resource and self.place == "rows":
            return {**table, "data": self.value}
        if resource == self.resource and self.place == "row":
            return {**table, "data": [self.value, *table["data"]]}
        if resource == self.resource and self.place == "cell":
            return {**table, "data": [[self.value, *row[1:]] for row in table["data"]]}
        if (resource, True) != (self.resource, self.field in fields):
            return table
        rows, at = table["data"], fields.index(self.field)
        for row in rows:
            if not self.name or ("name" in fields and row[fields.index("name")][1] == self.name):
                row[at] = [0, self.value]
        return table


@dataclass
class OddSimulator:
    """A simulator whose answers have an oddity, from when there is one, but for as many more as it `passes`."""

    real: Simulator
    odd: Oddity | None = None
    passes: int = 0

    def __getattr__(self, name: str) -> Any:
        """All else is the simulator's own."""
        return getattr(self.real, name)

    def _passed(self) -> bool:
        self.passes -= 1
        return self.passes >= 0

    def ask(self, method: str, target: str, data: Any = None) -> Response:
        """What comes over RAPI."""
        response = self.real.ask(method, target, data)
        if self.odd is None or response.status != 200 or self._passed():
            return response
        if target == "/2/info":
            return answer(self.odd.info(response.json))
        if target.startswith("/2/query/"):
            path, _, query = target.partition("?fields=")
            fields = data["fields"] if data else query.replace("%2C", ",").replace("%2F", "/").split(",")
            return answer(self.odd.table(path.rpartition("/")[2], fields, response.json))
        return response

    def call(self, method: str, *arguments: Any) -> dict[str, Any]:
        """What comes over LUXI."""
        found = self.real.call(method, *arguments)
        if self.odd is None or not found["success"] or self._passed():
            return found
        change: dict[str, Callable[[Any], Any]] = {
            "QueryClusterInfo": self.odd.info,
            "QueryConfigValues": lambda values: self.odd and self.odd.config(arguments[0], values),
            "Query": lambda table: self.odd and self.odd.table(arguments[0], arguments[1], table),
        }
        return {**found, "result": change.get(method, lambda same: same)(found["result"])}


def scene(transport: str) -> tuple[Site, OddSimulator]:
    """Whatever an answer can be odd about: a dead node and a drained one, repairs to begin, one under way, one that has
    failed, one that was asked for, a local instance to reinstall, a suspend that has run out."""
    odd = OddSimulator(Simulator())
    site = Site(odd, transport, direct=True)  # type: ignore[arg-type]
    for name in ("db", "web", "mail"):
        site.cluster.add_instance(name, "rbd", "node3")
    site.cluster.add_instance("twin", "drbd", "node1", "node3")
    site.cluster.add_instance("moving", "drbd", "node4", "node1")
    site.cluster.add_instance("disk", "plain", "node3").tags.add(f"{TAG}reinstall")
    site.allow("failover")
    odd.real.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", instance="db", text=f"{ESCAPE} {TURNED}"))
    odd.real.troubles.add(JobTrouble("OP_INSTANCE_FAILOVER", "hang", instance="mail"))
    site.kill("node3")
    site.run_round(unbraked(instances=("db", "mail")))
    site.simulator.advance(30)
    site.cluster.mark("node4", drained=True)
    site.cluster.instance("web").tags.add(f"{TAG}pending:failover:asked:1700000000:")
    site.cluster.groups["rack2"].tags.add(f"{TAG}suspend:1")
    return site, odd


def shown(value: Any) -> None:
    """Assert that a text, or data as JSON, has nothing that a terminal would obey or read in another order."""
    text = value if isinstance(value, str) else json.dumps(value, allow_nan=False, ensure_ascii=False)
    odd = [one for one in text if unicodedata.category(one) in ("Cc", "Cs") or _turns(one)]
    assert set(odd) <= {"\n"}


def _turns(character: str) -> bool:
    names = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
    return unicodedata.bidirectional(character) in names or character in "\u200e\u200f\u061c"


LIMITS = unbraked(fencing=Fencing.CONFIRMED, fenced_nodes=("node3",), choose_nodes=True)


def look(site: Site) -> dict[str, Action]:
    """What is planned with each instance, by its UUID; nothing where the look ended with an error."""
    try:
        plan = site.plan_round(LIMITS)
    except AutorepairError as error:
        shown(str(error))
        return {}
    found = facts(plan)
    shown(found)
    shown("\n".join(found["report"]))
    return {case.instance.uuid or case.instance.name: action for case, action in plan.rows}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("resource", "field"), SPOTS)
def test_an_odd_value_in_a_field(transport: str, resource: str, field: str) -> None:
    """Of every object at once."""
    site, odd = scene(transport)
    for value in ODD:
        odd.odd = Oddity(resource, field, value)
        look(site)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(some.sampled_from(TRANSPORTS), some.sampled_from(SPOTS), JSON, some.sampled_from([0, 0, 7, 14, 16, 20, 30]))
def test_any_value_in_any_field(transport: str, spot: tuple[str, str], value: Any, passes: int) -> None:
    """A round ends, and a report can be made, whatever is made of JSON, from its beginning or later on."""
    site, odd = scene(transport)
    odd.odd, odd.passes = Oddity(*spot, value), passes
    try:
        played = site.run_round(LIMITS)
    except AutorepairError as error:
        shown(str(error))
        return
    shown(result(played, False))
    report = report_of([Look("prod", json.loads(json.dumps(facts(played.before), allow_nan=False)))], 1)
    shown(html_of(report, "prod") + metrics(report))


PLACES = ("answer", "rows", "row", "cell")


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("resource", ["info", "node", "group", "instance", "job"])
def test_an_answer_that_is_none(transport: str, resource: str) -> None:
    """Something else stands in the place of all of it, of its rows, of one of these, or of a cell."""
    site, odd = scene(transport)
    for place, value in product(PLACES, ODD):
        odd.odd = Oddity(resource, "", value, place=place)
        look(site)


def everything(site: Site) -> Iterator[Callable[[], Iterable[Change]]]:
    """What people can say of anything."""
    client, now = site.client(), site.cluster.clock.now()
    for state, scope in product(("enabled", "disabled", "suspended", "resumed"), ("instance", "group", "cluster")):
        permission = parse_permission(state, "migrate" if state == "enabled" else None, None, now)
        wanted = Filter() if scope == "cluster" else Filter(("*",))
        yield partial(lambda *given: permissions(read_cluster(client), *given), scope, wanted, permission)
    for name, say in (
        ("web", withdraw),
        ("twin", partial(request, kind=RepairType.REINSTALL, now=now, new_id=site.new_id)),
    ):
        yield partial(lambda say, name: say(cases_of(read_cluster(client), Filter((name,)), now)), say, name)
    yield lambda: acknowledge(cases_of(read_cluster(client), Filter(("*",)), now))


SAID_OF = [("instance", "tags"), ("group", "tags"), ("info", "tags"), ("job", "status"), ("job", "opresult")]


@pytest.mark.parametrize("late", [False, True], ids=["all the time", "once tags are to be written"])
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("resource", "field"), SAID_OF)
def test_what_people_say_meets_an_odd_value(transport: str, resource: str, field: str, late: bool) -> None:
    """Tags are written or not, and some jobs fail; whatever comes back, no traceback comes of it."""
    for value in (None, 7, ESCAPE, [None], ["x", 1]):
        site, odd = scene(transport)
        odd.real.troubles.add(JobTrouble("OP_TAGS_SET", text=f"{ESCAPE} {TURNED}", times=9))
        for say in everything(site):
            odd.odd = None if late else Oddity(resource, field, value)
            try:
                changes = tuple(say())
                odd.odd = Oddity(resource, field, value)
                shown(carry_out_changes(changes, site.client(), "", site.terms()))
            except AutorepairError as error:
                shown(str(error))


def is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def is_flag(value: Any) -> bool:
    return value is True or value is False


def is_size(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**53


def is_sizes(value: Any) -> bool:
    return isinstance(value, list) and all(is_size(one) for one in value)


ON_NODE3 = ("db", "web", "mail", "disk", "twin")
ALL = (*ON_NODE3, "moving")
NEEDED = [  # an object, a field of it, what its value has to be; the instances that are left alone else
    ("instance", "twin", "name", lambda value: is_text(value) and value.isprintable(), ("twin",)),
    ("instance", "twin", "uuid", is_text, ("twin",)),
    ("instance", "twin", "disk_template", is_text, ("twin",)),
    ("instance", "twin", "pnode", is_text, ("twin",)),
    ("instance", "twin", "snodes", is_texts, ("twin",)),
    ("instance", "twin", "admin_state", is_text, ("twin",)),
    ("instance", "twin", "tags", is_texts, ("twin",)),
    ("instance", "twin", "be/always_failover", is_flag, ("twin",)),
    ("instance", "twin", "be/maxmem", is_size, ("twin",)),
    ("instance", "twin", "disk.sizes", is_sizes, ("twin",)),
    ("instance", "twin", "forthcoming", lambda value: value is False, ("twin",)),
    ("node", "node3", "offline", is_flag, ON_NODE3),
    ("node", "node3", "drained", is_flag, ON_NODE3),
    ("node", "node3", "name", lambda value: value == "node3", ON_NODE3),
    ("node", "node3", "group", lambda value: value in ("default", "rack2"), ("db", "web", "mail", "disk")),
    ("group", "default", "tags", is_texts, ALL),
    ("group", "default", "name", lambda value: value == "default", ALL),
]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("resource", "name", "field", "is_good", "left"), NEEDED)
def test_what_has_to_be_known(
    transport: str, resource: str, name: str, field: str, is_good: Callable[[Any], bool], left: tuple[str, ...]
) -> None:
    """Where it is not, its instances are left alone, with a reason; the others are not, but for an error over all."""
    site, odd = scene(transport)
    names = {site.cluster.instance(one).uuid: one for one in ALL} | {one: one for one in ALL}
    usual = {names[key]: action.writes for key, action in look(site).items()}
    assert usual == {"db": False, "mail": False, "web": True, "disk": True, "twin": True, "moving": True}
    for value in [value for value in ODD if not is_good(value)]:
        odd.odd = Oddity(resource, field, value, name)
        found = {names[key]: action for key, action in look(site).items()}
        for one, action in found.items():
            assert action.writes == (usual[one] and one not in left), (value, action)
            assert action.writes or (action.why and action.reason), (value, action)
