# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Arguments: the modules' options, and their values for the engine (design, section 6)."""

from __future__ import annotations

import gc
from collections.abc import Mapping
from typing import Any, Callable, Protocol, TypeVar

from ansible.module_utils.basic import AnsibleModule, env_fallback, missing_required_lib

from .errors import AutorepairError, BadOption, LibraryMissing
from .ganeti.client import Client
from .ganeti.luxi import LuxiClient
from .ganeti.rapi.options import RapiOptions
from .planning.selection import Filter
from .settings.limits import LIMIT_SPECS, Limits, parse_limits


class Module(Protocol):
    """The part of AnsibleModule that the engine uses."""

    @property
    def params(self) -> Mapping[str, Any]:
        """The options, checked, with their defaults."""

    @property
    def check_mode(self) -> bool:
        """Whether nothing may be written."""

    def warn(self, warning: str) -> None:
        """Show a warning to the user."""


AnyModule = TypeVar("AnyModule", bound=Module)


def _option(name: str, **spec: Any) -> dict[str, Any]:
    """An option that can be given by an environment variable: `rapi_host` by `GANETI_RAPI_HOST`."""
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

# What limits a round is declared in settings.limits; the action plugin takes the last one out.
ROUND: dict[str, Any] = {**LIMIT_SPECS, "from_variables": {"type": "bool", "default": False}}

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
    """The filter on instances from `module`'s options; `names` is the option that holds the instances' names."""
    given = {name: tuple(module.params[name]) for name in FILTER}
    return Filter(names=tuple(module.params[names]), **given)


def connect(module: Module) -> Client:
    """The client that `module`'s options ask for; nothing is sent yet. Raises BadOption."""
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
        module.warn(
            "rapi_validate_certs is false: any server that answers receives the password; rapi_fingerprint is the safe "
            "way"
        )
    names = RapiOptions.__dataclass_fields__
    return RapiClient(RapiOptions(**{name: given["rapi_" + name] for name in names}))


def limits(module: Module) -> Limits:
    """The limits of a round that `module`'s options set. Raises BadOption."""
    return parse_limits(module.params)


def run(module: AnsibleModule, work: Callable[[AnsibleModule], dict[str, Any]]) -> None:
    """Do `work` with `module`, and exit with its outcome.

    The data has no reference cycles, so the cyclic garbage collector is switched off: on large clusters it would take
    longer than everything else.
    """
    gc.disable()
    result = outcome(module, work)
    if result.get("failed"):
        module.fail_json(**result)
    module.exit_json(**result)


def outcome(module: AnyModule, work: Callable[[AnyModule], dict[str, Any]]) -> dict[str, Any]:
    """What `work` returns for `module`; an AutorepairError becomes a failure."""
    try:
        return work(module)
    except AutorepairError as error:
        return {"failed": True, "msg": str(error), **error.details}
