# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What Ganeti 3.1 shows otherwise than 3.0, which the simulator plays. Measured with 3.1.0~rc2 of Debian 13."""

from __future__ import annotations

from typing import Any

SIMULATED = "3.0"
NUMBERS = {"software_version": "3.1.0~rc2", "protocol_version": 3010000, "config_version": 3010000}
TEXTS = (
    (
        "Pattern match failure in do expression at src/Ganeti/Luxi.hs:282",
        "Pattern match failure in 'do' block at src/Ganeti/Luxi.hs:284",
    ),
    ("/usr/share/ganeti/3.0/", "/usr/share/ganeti/3.1/"),
    ("(frozenset(inst_nodes))\n", "(frozenset(inst_nodes))\n           ~~~~~~~~~~~~~~~~~~^^^^^^^^^^^^^^^^^^^^^^^\n"),
)
DIFFERENT = frozenset(
    {
        "over LUXI: the cluster",
        "arguments that can't be read: the end of the connection",
        "disks anew by hail in another group: Ganeti fails after it has moved the instance",
        # The parameters of an instance: hot plugging is the default, and hotplug_if_possible is gone.
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
        if shown.get("OP_ID") == "OP_INSTANCE_SET_PARAMS":
            shown["hotplug"] = True
            del shown["hotplug_if_possible"]
        return shown
    if isinstance(value, list):
        return [_as_of_3_1(one) for one in value]
    if isinstance(value, str):
        for text, instead in TEXTS:
            value = value.replace(text, instead)
    return value
