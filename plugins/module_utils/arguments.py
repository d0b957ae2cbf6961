# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments: what the modules take from users, and what it means to the engine (design, section 6)."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any, Callable, Protocol, TypeVar

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from .diagnosis.instances import DrainedSecondaries
from .errors import AutorepairError, BadOption, LibraryMissing
from .ganeti.client import Client
from .ganeti.luxi import LuxiClient
from .ganeti.model import RepairType
from .ganeti.rapi.options import RapiOptions
from .planning.selection import Filter
from .settings.limits import Fencing, Limits, SecondaryState, parse_limits


class Module(Protocol):
    """As much of an AnsibleModule as the engine uses."""

    @property
    def params(self) -> Mapping[str, Any]:
        """The options, checked, with their defaults."""

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be written."""

    def warn(self, warning: str) -> None:
        """Tell the user, beside the result."""


AnyModule = TypeVar("AnyModule", bound=Module)


def _option(name: str, **spec: Any) -> dict[str, Any]:
    """An option that can be given by an environment variable: C(rapi_host) by C(GANETI_RAPI_HOST)."""
    return dict(spec, fallback=(env_fallback, ["GANETI_" + name.upper()]))


CONNECTION: dict[str, Any] = {
    "transport": _option("transport", type="str", choices=["rapi", "luxi"], default="rapi"),
    "luxi_socket": _option("luxi_socket", type="path", default="/var/run/ganeti/socket/ganeti-query"),
    "rapi_host": _option("rapi_host", type="str"),
    "rapi_port": _option("rapi_port", type="int", default=5080),
    "rapi_user": _option("rapi_user", type="str"),
    "rapi_password": _option("rapi_password", type="str", no_log=True),
    "rapi_ca_path": _option("rapi_ca_path", type="path"),
    "rapi_fingerprint": _option("rapi_fingerprint", type="str"),
    "rapi_validate_certs": _option("rapi_validate_certs", type="bool", default=True),
    "rapi_timeout": _option("rapi_timeout", type="int", default=30),
}

ROUND: dict[str, Any] = {
    "instances": {"type": "list", "elements": "str", "default": []},
    "groups": {"type": "list", "elements": "str", "default": []},
    "max_unhealthy": {"type": "str", "default": "40%"},
    "unhealthy_range": {"type": "str"},
    "storm_cooldown": {"type": "int", "default": 600},
    "max_in_flight": {"type": "int", "default": 10},
    "max_per_node": {"type": "int", "default": 5},
    "max_per_group": {"type": "int", "default": 10},
    "retries": {"type": "int", "default": 2},
    "fencing": {"type": "str", "choices": [one.value for one in Fencing], "default": "offline_flag"},
    "fenced_nodes": {"type": "list", "elements": "str", "default": []},
    "min_offline_age": {"type": "int", "default": 0},
    "settle_time": {"type": "int", "default": 0},
    "secondary_state": {"type": "str", "choices": [one.value for one in SecondaryState], "default": "any"},
    "respect_watcher_pause": {"type": "bool", "default": True},
    "max_repairs_per_window": {"type": "int", "default": 3},
    "repair_window": {"type": "int", "default": 3600},
    "windows": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "type": {"type": "str", "required": True, "choices": [kind.label for kind in RepairType]},
            "days": {"type": "list", "elements": "str", "default": []},
            "start": {"type": "str", "required": True},
            "end": {"type": "str", "required": True},
            "timezone": {"type": "str", "default": "UTC"},
        },
    },
    "choose_nodes": {"type": "bool", "default": False},
    "drained_secondaries": {"type": "str", "choices": [one.value for one in DrainedSecondaries], "default": "replace"},
    "retry_now": {"type": "bool", "default": False},
    "accept_behind": {"type": "list", "elements": "str", "default": []},
    "from_variables": {"type": "bool", "default": False},  # the action plugin takes it out
}

STEP: dict[str, Any] = {
    "approved_plan": {"type": "raw"},
    "carry_on": {"type": "dict"},
    "gathered": {"type": "dict"},  # as much of it as the action plugin lets through
    "reason": {"type": "str", "default": ""},
    "iallocator": {"type": "str"},
    "connections": {"type": "int", "default": 4},
    "wait": {"type": "bool", "default": False},
    "wait_timeout": {"type": "int", "default": 3600},
}

FILTER: dict[str, Any] = {
    name: {"type": "list", "elements": "str", "default": []}
    for name in ("groups", "nodes", "disk_templates", "os", "tags")
}


def wanted(module: Module, names: str) -> Filter:
    """What C(module)'s options, the names in the option C(names), limit the instances to."""
    given = {name: tuple(module.params[name]) for name in FILTER}
    return Filter(names=tuple(module.params[names]), **given)


def connect(module: Module) -> Client:
    """The client that C(module)'s options ask for; nothing is sent yet. Raises BadOption."""
    if module.params["transport"] == "luxi":
        return LuxiClient(module.params["luxi_socket"])
    return _connect_rapi(module)


def _connect_rapi(module: Module) -> Client:
    from .ganeti.rapi.client import RapiClient  # not for LUXI: to import requests takes a tenth of a second
    from .ganeti.rapi.session import REQUESTS_PROBLEM

    if REQUESTS_PROBLEM is not None:
        raise LibraryMissing(missing_required_lib("requests"), exception=repr(REQUESTS_PROBLEM))
    given = module.params
    if not given["rapi_host"]:
        raise BadOption("rapi_host is missing: give the host where the cluster's RAPI listens, or set GANETI_RAPI_HOST")
    if not 0 < given["rapi_port"] < 65536:
        raise BadOption(f"rapi_port is {given['rapi_port']}; a port is a number from 1 to 65535")
    if given["rapi_timeout"] < 1:
        raise BadOption(f"rapi_timeout is {given['rapi_timeout']}; it takes one second or more")
    if not given["rapi_validate_certs"] and not given["rapi_fingerprint"]:
        module.warn("rapi_validate_certs is false: whoever answers gets the password; rapi_fingerprint is the safe way")
    names = RapiOptions.__dataclass_fields__
    return RapiClient(RapiOptions(**{name: given["rapi_" + name] for name in names}))


def limits(module: Module) -> Limits:
    """The limits of a round that C(module)'s options set. Raises BadOption."""
    return parse_limits(module.params)


def run(module: AnsibleModule, work: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    """Do C(work) with C(module), and exit with its outcome.

    Nothing here is made of circles, so Python is not made to look for some: among the values of a large cluster that
    takes longer than all the rest.
    """
    gc.disable()
    result = outcome(module, work)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def outcome(module: AnyModule, work: Callable[[AnyModule], dict[str, Any]]) -> dict[str, Any]:
    """What C(work) returns for C(module); an AutorepairError becomes a failure."""
    try:
        return work(module)
    except AutorepairError as error:
        return {"failed": True, "msg": str(error), **error.details}
