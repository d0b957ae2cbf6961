# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Gathering on real Ganeti, beside the bare queries: 200 instances, a third of them mirrored."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from itertools import cycle, islice
from statistics import median
from typing import Any

import requests

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.client import Client
from ansible_collections.ganeti.autorepair.plugins.module_utils.planning.planner import plan_round
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries import cluster
from ansible_collections.ganeti.autorepair.plugins.module_utils.queries import jobs as read_jobs
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.results import facts
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import Limits
from lab import Instance, Lab

from .lab_case import OTHERS, connection
from .processes import client_of

TIMES = 7
BATCH = 25  # instances that are created at once


def fill(lab: Lab, instances: int) -> None:
    """A freshly made cluster with so many instances, none of which runs: for a reader that is the same."""
    lab.reset()
    places = [(one, other) for one in OTHERS for other in OTHERS if one != other]
    wanted = []
    for number, (primary, secondary) in enumerate(islice(cycle(places), instances)):
        if number % 3:
            wanted.append(Instance(f"i{number}", "plain", primary, running=False, disk_mb=128))
        else:
            wanted.append(Instance(f"i{number}", "drbd", primary, secondary, running=False, disk_mb=128))
    for start in range(0, instances, BATCH):
        lab.create_all(wanted[start : start + BATCH])


def gathering(lab: Lab) -> Mapping[str, float]:
    """The seconds that facts take over both transports, and those of the bare queries; each the median of TIMES."""
    given = connection(lab, "rapi")
    rapi, luxi = client_of(given), client_of(connection(lab, "luxi"))
    ways = {"bare": lambda: bare(given), "rapi": lambda: gather(rapi), "luxi": lambda: gather(luxi)}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TIMES):  # in turn, so that what else the machine does strikes all
        for name, way in ways.items():
            taken[name].append(timed(way))
    return {name: median(times) for name, times in taken.items()}


def timed(way: Callable[[], object]) -> float:
    """How long it takes."""
    begin = time.perf_counter()
    way()
    return time.perf_counter() - begin


def gather(client: Client) -> None:
    """All that the facts module does, once it runs."""
    facts(plan_round(client, Limits(), time.time()))


def bare(given: Mapping[str, Any]) -> None:
    """The same six requests, one after the other, and nothing but that."""
    session = requests.Session()
    session.trust_env = False
    session.auth, session.verify = (given["rapi_user"], given["rapi_password"]), given["rapi_ca_path"]
    url = f"https://{given['rapi_host']}:{given['rapi_port']}/2"
    jobs = {"fields": list(read_jobs._JOB), "qfilter": ["|", *read_jobs._unfinished()]}
    session.get(f"{url}/query/instance", params={"fields": ",".join(cluster._TAGS)}).json()
    session.put(f"{url}/query/job", json=jobs).json()
    for kind, fields in (("instance", cluster._INSTANCE), ("node", cluster._NODE), ("group", cluster._GROUP)):
        session.get(f"{url}/query/{kind}", params={"fields": ",".join(fields)}).json()
    session.get(f"{url}/info").json()
