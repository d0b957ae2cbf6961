# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approval: what a plan would do, as a hash that somebody can say yes to, and how another plan differs from it.

Everything here is about plans as facts give them: a list of actions, each a mapping.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import AutorepairError, BadOption

# Neither words, nor times, nor the nodes that are chosen; but what the instance is on, and the repair before this one,
# so that an approval is good for one case once.
_DEED = ("scope", "name", "uuid", "action", "type", "id", "steps", "result", "remove", "on", "after")
_WRITING = ("submit", "finish", "lift", "refuse")
_UNSEEN = {  # what of a deed its words do not tell, in words
    "uuid": "to another instance of that name",
    "id": "for another repair",
    "after": "after another repair",
    "type": "as a repair of another type",
    "cancel": "with other jobs canceled",
    "remove": "with other tags removed",
}
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class PlanDiffers(AutorepairError):
    """What would be done is not what was approved; nothing was written."""


@dataclass(frozen=True)
class Approved:
    """What somebody has said yes to: the hash of a plan, and its actions and its cluster's UUID, where all of it was
    given."""

    hash: str
    actions: tuple[Mapping[str, Any], ...] | None = None
    cluster: Any = None


def parse_approved(given: Any) -> Approved | None:
    """What the option C(approved_plan) means: a hash, or a plan as facts return it. Raises BadOption, also for one that
    is there and empty: nothing was approved then."""
    if given is None:
        return None
    if isinstance(given, str) and _HASH.match(given.strip()):
        return Approved(given.strip())
    if not isinstance(given, Mapping):
        raise BadOption("approved_plan takes a plan as the facts have it, or its hash of 64 hexadecimal digits")
    actions = given.get("actions")
    if not isinstance(actions, list) or not all(isinstance(one, Mapping) for one in actions):
        raise BadOption("approved_plan is a mapping without a list of actions; it takes a plan as the facts have it")
    if given.get("hash") != hash_of(actions, given.get("cluster")):
        raise BadOption("approved_plan was changed after it was made: its actions do not have the hash that it names")
    return Approved(str(given["hash"]), tuple(actions), given.get("cluster"))


def hash_of(actions: Iterable[Mapping[str, Any]], cluster: Any) -> str:
    """A hash over what C(actions) would write to the cluster with the UUID C(cluster): the same hash means the same
    deeds, to the same instances in the same state, whenever and on whichever new nodes."""
    found = sorted((_deed(one) for one in actions if _writes(one)), key=json.dumps)
    return hashlib.sha256(json.dumps([cluster, found], sort_keys=True).encode()).hexdigest()


def check_approved(approved: Approved, plan: Mapping[str, Any]) -> None:
    """Raise PlanDiffers, with what differs, if C(plan) is not the one that was C(approved)."""
    if approved.hash == plan["hash"]:
        return
    if approved.actions is None:
        told = _would_do(plan["actions"])
    elif approved.cluster != plan["cluster"]:
        told = ["it was made for another cluster"]
    else:
        told = _differences(approved.actions, plan["actions"])
    what = "what differs" if approved.actions is not None else "what it would do now"
    raise PlanDiffers(
        f"the plan is not the approved one, so nothing was done; {what}: " + "; ".join(told or ["nothing"]),
        differences=list(told),
        plan=dict(plan),
        approved_hash=approved.hash,
    )


def _writes(action: Mapping[str, Any]) -> bool:
    """Whether it writes; what is held does so only where a breaker's tag is added."""
    return action.get("action") in _WRITING or bool(action.get("add"))


def _deed(action: Mapping[str, Any]) -> dict[str, Any]:
    deed = {key: action.get(key) for key in _DEED}
    return {**deed, "cancel": action["cancel"]} if action.get("cancel") else deed  # else as in releases without it


def _differences(approved: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each object with which something else would be done; with one, several things can be."""
    before, after = _by_object(approved), _by_object(now)
    lines = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key, []), after.get(key, [])
        if [_deed(one) for one in old if _writes(one)] != [_deed(one) for one in new if _writes(one)]:
            lines.append(
                f"{_object(key)}: approved was {_all_words(old)}, now it is {_all_words(new)}{_unseen(old, new)}"
            )
    return lines


def _unseen(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> str:
    """What differs, where both are told in the same words."""
    if _all_words(old) != _all_words(new):
        return ""
    differing = [key for key in _UNSEEN if [one.get(key) for one in old] != [one.get(key) for one in new]]
    return "".join(f", {_UNSEEN[key]}" for key in differing)


def _by_object(actions: Iterable[Mapping[str, Any]]) -> dict[tuple[Any, Any], list[Mapping[str, Any]]]:
    found: dict[tuple[Any, Any], list[Mapping[str, Any]]] = {}
    for one in actions:
        found.setdefault((one.get("scope"), one.get("name")), []).append(one)
    return found


def _all_words(actions: Sequence[Mapping[str, Any]]) -> str:
    return " and ".join(_words(one) for one in actions) or "nothing"


def _would_do(actions: Iterable[Mapping[str, Any]]) -> list[str]:
    return [f"{_object((one['scope'], one['name']))}: {_words(one)}" for one in actions if _writes(one)]


def _object(key: tuple[Any, Any]) -> str:
    scope, name = key
    return str(name) if scope == "instance" else f"{scope} {name}".strip()


def _words(action: Mapping[str, Any]) -> str:
    """An action in a few words."""
    steps, result = action.get("steps") or [], action.get("result")
    what = f" {', then '.join(map(str, steps))}" if steps and action.get("action") == "submit" else ""
    end = f" as {result}" if result else ""
    why = "" if action.get("action") == "submit" else f" ({action.get('reason')})"
    where = f" ({', '.join(map(str, action['on']))})" if action.get("on") and not why else ""
    return f"{action.get('action')}{what}{end}{why}{where}"
