# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approve: what a plan would do, as a hash that somebody can say yes to, and how another plan differs from it.

Everything here is about plans as facts give them: a list of actions, each a mapping.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .errors import AutorepairError, BadOption

_DEED = ("scope", "name", "action", "type", "id", "steps", "result", "remove")  # neither words, nor times, nor nodes
_WRITING = ("submit", "finish", "lift", "refuse")
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class PlanDiffers(AutorepairError):
    """What would be done is not what was approved; nothing was written."""


@dataclass(frozen=True)
class Approved:
    """What somebody has said yes to: the hash of a plan, and its actions, where the whole plan was given."""

    hash: str
    actions: tuple[Mapping[str, Any], ...] | None = None


def parse_approved(given: Any) -> Approved | None:
    """What the option C(approved_plan) means: a hash, or a plan as facts return it. Raises BadOption."""
    if not given:
        return None
    if isinstance(given, str) and _HASH.match(given.strip()):
        return Approved(given.strip())
    if not isinstance(given, Mapping):
        raise BadOption("approved_plan takes a plan as the facts have it, or its hash of 64 hexadecimal digits")
    actions = given.get("actions")
    if not isinstance(actions, list) or not all(isinstance(one, Mapping) for one in actions):
        raise BadOption("approved_plan is a mapping without a list of actions; it takes a plan as the facts have it")
    if given.get("hash") != hash_of(actions):
        raise BadOption("approved_plan was changed after it was made: its actions do not have the hash that it names")
    return Approved(str(given["hash"]), tuple(actions))


def hash_of(actions: Iterable[Mapping[str, Any]]) -> str:
    """A hash over what C(actions) would write: the same hash means the same deeds, on whichever nodes and whenever."""
    found = sorted(
        (_deed(one) for one in actions if _writes(one)), key=lambda deed: (str(deed["scope"]), str(deed["name"]))
    )
    return hashlib.sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()


def check_approved(approved: Approved, plan: Mapping[str, Any]) -> None:
    """Raise PlanDiffers, with what differs, if C(plan) is not the one that was C(approved)."""
    if approved.hash == plan["hash"]:
        return
    told = (
        _differences(approved.actions, plan["actions"]) if approved.actions is not None else _would_do(plan["actions"])
    )
    what = "what differs" if approved.actions is not None else "what it would do now"
    raise PlanDiffers(
        f"the plan is not the approved one, so nothing was done; {what}: " + "; ".join(told or ["nothing"]),
        differences=list(told),
        plan=dict(plan),
        approved_hash=approved.hash,
    )


def _writes(action: Mapping[str, Any]) -> bool:
    """Whether it writes; a held cluster or group is one whose breaker is noted."""
    return action.get("action") in _WRITING or (action.get("action") == "hold" and action.get("scope") != "instance")


def _deed(action: Mapping[str, Any]) -> dict[str, Any]:
    return {key: action.get(key) for key in _DEED}


def _differences(approved: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each object with which something else would be done."""
    before = {(one.get("scope"), one.get("name")): one for one in approved}
    after = {(one.get("scope"), one.get("name")): one for one in now}
    lines = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        deeds = [_deed(one) if one and _writes(one) else None for one in (old, new)]
        if deeds[0] != deeds[1]:
            lines.append(f"{_object(key)}: approved was {_words(old)}, now it is {_words(new)}")
    return lines


def _would_do(actions: Iterable[Mapping[str, Any]]) -> list[str]:
    return [f"{_object((one['scope'], one['name']))}: {_words(one)}" for one in actions if _writes(one)]


def _object(key: tuple[Any, Any]) -> str:
    scope, name = key
    return str(name) if scope == "instance" else f"{scope} {name}".strip()


def _words(action: Mapping[str, Any] | None) -> str:
    """An action in a few words."""
    if action is None:
        return "nothing"
    steps, result = action.get("steps") or [], action.get("result")
    what = f" {', then '.join(map(str, steps))}" if steps and action.get("action") == "submit" else ""
    end = f" as {result}" if result else ""
    why = "" if action.get("action") == "submit" else f" ({action.get('reason')})"
    return f"{action.get('action')}{what}{end}{why}"
