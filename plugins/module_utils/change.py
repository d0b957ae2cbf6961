# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Change: the way of the modules by which people speak, from options to written tags (design, section 6)."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterable
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from .arguments import connect, wanted
from .claim import Terms
from .client import Client, DryRunClient
from .mirror_looks import Ways, look_at_mirrors
from .mirrors import Mirror
from .read import read_cluster
from .selection import cases_of
from .tagging import carry_out_changes
from .wishes import Change


def terms() -> Terms:
    """The terms on which a module of this machine claims a cluster."""
    return Terms(f"{socket.gethostname()[:50]}-{uuid.uuid4().hex[:8]}", time.time, time.sleep)


def change(module: AnsibleModule, changes: Callable[[Client], Iterable[Change]], terms: Terms) -> dict[str, Any]:
    """Carry out the C(changes) that follow from reading the cluster, and return what C(module) returns for them; an
    error with one object fails the module, after the others were written. C(terms) are those of a claim."""
    client = connect(module)
    return _carry_out(module, changes(client), client, terms)


def _carry_out(module: AnsibleModule, changes: Iterable[Change], client: Client, terms: Terms) -> dict[str, Any]:
    writer = DryRunClient(client) if module.check_mode else client
    result = carry_out_changes(changes, writer, module.params["reason"], terms)
    wrong = [line for one, line in zip(result["objects"], result["report"]) if one["error"]]
    if wrong:
        module.fail_json(msg="; ".join(dict.fromkeys(wrong)), **result)
    return result


def remember_mirrors(module: AnsibleModule, terms: Terms) -> dict[str, Any]:
    """Look at the mirrors of the instances that C(module)'s options mean, write what is to be remembered of them, and
    return what the module returns."""
    client, given = connect(module), module.params
    cluster = read_cluster(client)
    cases = cases_of(cluster, wanted(module, "instances"), terms.clock()) if cluster.instances else ()
    ways = Ways(given["mond_port"], given["probe_timeout"], by_jobs=not module.check_mode)
    looks = look_at_mirrors(cases, cluster, client, terms, ways)
    result = _carry_out(module, [change for change, _mirror in looks], client, terms)
    told = [line for line, (change, mirror) in zip(result["report"], looks) if change.needed or not mirror.in_step]
    mirrors = [mirror for _change, mirror in looks]
    return {**result, "mirrors": [_data(mirror) for mirror in mirrors], "report": [*told, _counted(mirrors)]}


def _data(mirror: Mirror) -> dict[str, Any]:
    one = mirror.instance
    return {"instance": one.name, "secondary": one.secondaries[0], "in_step": mirror.in_step, "words": mirror.words}


def _counted(mirrors: list[Mirror]) -> str:
    counts = [sum(mirror.in_step is found for mirror in mirrors) for found in (True, False, None)]
    return "{} mirrors: {} in step, {} behind, {} not known".format(len(mirrors), *counts)
