# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run: what the modules for people's requests do, from options to written tags (design, section 6)."""

from __future__ import annotations

import socket
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Callable

from ansible.module_utils.basic import AnsibleModule

from ..arguments import connect, wanted
from ..changes.requests import Change
from ..ganeti.client import Client, DryRunClient
from ..mirrors.copies import Mirror
from ..mirrors.looks import Ways, look_again, look_at_mirrors
from ..planning.selection import cases_of
from ..queries.cluster import read_cluster
from ..settings.terms import RunContext
from .apply import carry_out_changes


def terms() -> RunContext:
    """The context in which a module on this machine claims a cluster."""
    return RunContext(f"{socket.gethostname()[:50]}-{uuid.uuid4().hex[:8]}", time.time, time.sleep)


def change(module: AnsibleModule, changes: Callable[[Client], Iterable[Change]], terms: RunContext) -> dict[str, Any]:
    """Carry out the changes that `changes` computes from the cluster, and return the result for `module`; an error
    with one object fails the module, after the others were written. `terms` are for a claim."""
    client = connect(module)
    result = _carry_out(module, changes(client), client, terms)
    return _ended(module, result, _errors(result))


def _carry_out(module: AnsibleModule, changes: Iterable[Change], client: Client, terms: RunContext) -> dict[str, Any]:
    writer = DryRunClient(client) if module.check_mode else client
    return carry_out_changes(changes, writer, module.params["reason"], terms)


def _errors(result: Mapping[str, Any]) -> list[str]:
    """The report lines of the objects with an error; `result` has one line for each object."""
    return [line for entry, line in zip(result["objects"], result["report"]) if entry["error"]]


def _ended(module: AnsibleModule, result: dict[str, Any], errors: Sequence[str]) -> dict[str, Any]:
    """`result`; fails the module if there are `errors`."""
    if errors:
        module.fail_json(msg="; ".join(dict.fromkeys(errors)), **result)
    return result


def remember_mirrors(module: AnsibleModule, terms: RunContext) -> dict[str, Any]:
    """Look at the mirrors of the instances that `module`'s options select, write the tags that record what was found,
    and return the result for the module."""
    given = module.params
    ways = Ways(given["mond_port"], given["probe_timeout"], by_jobs=not module.check_mode)
    client = connect(module)
    cluster = read_cluster(client)
    cases = cases_of(cluster, wanted(module, "instances"), terms.clock()) if cluster.instances else ()
    looks = look_at_mirrors(cases, cluster, client, terms, ways)
    result = _carry_out(module, [change for change, _mirror in looks], client, terms)
    told = [line for line, (change, mirror) in zip(result["report"], looks) if change.needed or not mirror.in_step]
    errors, mirrors = _errors(result), [mirror for _change, mirror in looks]
    gone = {entry["name"] for entry in result["objects"] if entry["tags_removed"]}
    if gone and not module.check_mode:
        changes = look_again([case for case in cases if case.instance.name in gone], cluster, client, terms, ways)
        again = _carry_out(module, changes, client, terms)
        told, errors = [*told, *again["report"]], [*errors, *_errors(again)]
        result = {**result, **{name: [*result[name], *again[name]] for name in ("objects", "diff")}}
    result = {**result, "mirrors": [_data(mirror) for mirror in mirrors], "report": [*told, _counted(mirrors)]}
    return _ended(module, result, errors)


def _data(mirror: Mirror) -> dict[str, Any]:
    instance = mirror.instance
    return {
        "instance": instance.name,
        "secondary": instance.secondaries[0],
        "in_step": mirror.in_step,
        "words": mirror.words,
    }


def _counted(mirrors: list[Mirror]) -> str:
    counts = [sum(mirror.in_step is found for mirror in mirrors) for found in (True, False, None)]
    return "{} mirrors: {} in sync, {} behind, {} not known".format(len(mirrors), *counts)
