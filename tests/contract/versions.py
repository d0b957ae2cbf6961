# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ganeti 3.1 shows otherwise than 3.0, which the simulator plays. Measured with 3.1.0~rc2 of Debian 13."""

from __future__ import annotations

import re
from typing import Any

SIMULATED = "3.0"
NUMBERS = {"software_version": "3.1.0~rc2", "protocol_version": 3010000, "config_version": 3010000}
TEXTS = (
    (
        r"in do expression at src/Ganeti/Luxi\.hs:(\d+)",
        lambda found: f"in 'do' block at src/Ganeti/Luxi.hs:{int(found[1]) + 2}",
    ),
    (r"/usr/share/ganeti/3\.0/", lambda found: "/usr/share/ganeti/3.1/"),
    (
        r"(?<=issuperset\(frozenset\(inst_nodes\)\)\n)",
        lambda found: "           ~~~~~~~~~~~~~~~~~~^^^^^^^^^^^^^^^^^^^^^^^\n",
    ),
)
DIFFERENT = frozenset(
    {
        "over LUXI: the cluster",
        "arguments that can't be read: the end of the connection",
        "disks anew by hail in another group: Ganeti fails after it has moved the instance",
        # The parameters of an instance, see _hot_plugging.
        "an unknown instance: 200 and a job that fails",
        "nothing is done to an instance with another UUID than the one that was meant",
        "always_failover turns a migration into a failover",
        "parameters of an instance",
        "an instance that is marked offline",
        "over LUXI: an unknown instance fails the job",
        "over LUXI: what may be left out, or null",
        "over LUXI: an instance that is marked offline, and down again",
    }
)


def as_of(version: str, value: Any, key: str = "") -> Any:
    """Return what a Ganeti of this version shows where the simulator shows `value`, under this key if it has one."""
    return value if version.startswith(SIMULATED) else _as_of_3_1(value, key)


def _as_of_3_1(value: Any, key: str = "") -> Any:
    if key in NUMBERS:
        return NUMBERS[key]
    if isinstance(value, dict):
        shown = {name: _as_of_3_1(one, name) for name, one in value.items()}
        return _hot_plugging(shown) if shown.get("ops") else shown
    if isinstance(value, list):
        return [_as_of_3_1(one) for one in value]
    if isinstance(value, str):
        for pattern, instead in TEXTS:
            value = re.sub(pattern, instead, value)
    return value


def _hot_plugging(job: dict[str, Any]) -> dict[str, Any]:
    """Return a job in which hotplug_if_possible is gone, and hotplug is true, until Ganeti has found the instance and
    that its hypervisor can't do it."""
    mistaken = "does not match the expected UUID" in str(job.get("opresult"))
    for op in job["ops"]:
        if op["OP_ID"] == "OP_INSTANCE_SET_PARAMS":
            op["hotplug"] = "instance_uuid" not in op or mistaken
            del op["hotplug_if_possible"]
    return job
