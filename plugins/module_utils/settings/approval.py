# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Approval: the hash of what a plan would write, for somebody to approve, and how another plan differs from it."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import AutorepairError, BadOption

# Texts, times and chosen nodes are left out. The instance's own nodes and its last repair are in, so that an approval
# is valid for one case, once.
_HASHED = ("scope", "name", "uuid", "action", "type", "id", "steps", "result", "remove", "on", "after")
_WRITING = ("submit", "finish", "lift", "refuse")
_UNSEEN = {  # differences that the text of an entry does not show
    "uuid": "to another instance of that name",
    "id": "for another repair",
    "after": "after another repair",
    "type": "as a repair of another type",
    "cancel": "with other jobs canceled",
    "remove": "with other tags removed",
}
_HASH = re.compile(r"[0-9a-f]{64}\Z")


class PlanDiffers(AutorepairError):
    """The plan is not the approved one; nothing was written."""


@dataclass(frozen=True)
class FingerprintEntry:
    """What an action of a plan does with one object, as far as plans are compared by it; `on` has the nodes of its
    instance with their states, `after` is the id of its last repair that ended, `writes` says whether it writes.

    In a plan that a user passes in, the fields may hold anything.
    """

    scope: Any
    name: Any
    uuid: Any
    action: Any
    type: Any
    id: Any
    steps: Any
    result: Any
    remove: Any
    on: Any
    after: Any
    cancel: Any
    reason: Any
    writes: bool

    @classmethod
    def of_data(cls, action: Mapping[str, Any]) -> FingerprintEntry:
        """The entry of an action as facts have it; a hold writes only if it adds a breaker's tag."""
        fields = {key: action.get(key) for key in (*_HASHED, "cancel", "reason")}
        return cls(**fields, writes=action.get("action") in _WRITING or bool(action.get("add")))

    def hashed(self) -> dict[str, Any]:
        """The fields that are hashed."""
        fields = {key: getattr(self, key) for key in _HASHED}
        return {**fields, "cancel": self.cancel} if self.cancel else fields  # else as in older releases

    def __str__(self) -> str:
        """A short text for people."""
        submits = self.action == "submit"
        what = f" {', then '.join(map(str, self.steps))}" if self.steps and submits else ""
        end = f" as {self.result}" if self.result else ""
        why = "" if submits else f" ({self.reason})"
        where = f" ({', '.join(map(str, self.on))})" if self.on and submits else ""
        return f"{self.action}{what}{end}{why}{where}"


@dataclass(frozen=True)
class Fingerprint:
    """All that a plan does, and the UUID of its cluster."""

    cluster: Any
    entries: tuple[FingerprintEntry, ...]

    @property
    def hash(self) -> str:
        """A hash of all writes: the same hash means the same writes to the same instances in the same state, whatever
        the time and the chosen nodes."""
        found = sorted((entry.hashed() for entry in self.entries if entry.writes), key=json.dumps)
        return hashlib.sha256(json.dumps([self.cluster, found], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Approved:
    """What somebody approved: the hash of a plan, and what it does, if the whole plan was given."""

    hash: str
    fingerprint: Fingerprint | None = None


def parse_approved(given: Any) -> Approved | None:
    """The value of the option `approved_plan`: a hash, or a plan as facts return it; None if it is not set. Raises
    BadOption, also for an empty value: nothing was approved then."""
    if given is None:
        return None
    if isinstance(given, str) and _HASH.match(given.strip()):
        return Approved(given.strip())
    if not isinstance(given, Mapping):
        raise BadOption("approved_plan takes a plan as the facts have it, or its hash of 64 hexadecimal digits")
    actions = given.get("actions")
    if not isinstance(actions, list) or not all(isinstance(action, Mapping) for action in actions):
        raise BadOption("approved_plan is a mapping without a list of actions; it takes a plan as the facts have it")
    fingerprint = Fingerprint(given.get("cluster"), tuple(map(FingerprintEntry.of_data, actions)))
    if given.get("hash") != fingerprint.hash:
        raise BadOption("approved_plan was changed after it was made: its actions do not have the hash that it names")
    return Approved(fingerprint.hash, fingerprint)


def check_approved(approved: Approved, fingerprint: Fingerprint, plan: Mapping[str, Any]) -> None:
    """Raise PlanDiffers, with what differs, if `fingerprint` is not the `approved` one; `plan` is the plan as data, for
    the module's failure result."""
    if approved.hash == fingerprint.hash:
        return
    if approved.fingerprint is None:
        told = [f"{_object(entry)}: {entry}" for entry in fingerprint.entries if entry.writes]
    elif approved.fingerprint.cluster != fingerprint.cluster:
        told = ["it was made for another cluster"]
    else:
        told = _differences(approved.fingerprint.entries, fingerprint.entries)
    what = "what differs" if approved.fingerprint is not None else "what it would do now"
    raise PlanDiffers(
        f"the plan is not the approved one, so nothing was done; {what}: " + "; ".join(told or ["nothing"]),
        differences=told,
        plan=dict(plan),
        approved_hash=approved.hash,
    )


def _differences(approved: Sequence[FingerprintEntry], now: Sequence[FingerprintEntry]) -> list[str]:
    """A line for each object whose actions differ; an object can have several actions."""
    before, after = _by_object(approved), _by_object(now)
    lines = []
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key, []), after.get(key, [])
        if [entry.hashed() for entry in old if entry.writes] != [entry.hashed() for entry in new if entry.writes]:
            name = _object((old or new)[0])
            lines.append(f"{name}: approved was {_words(old)}, now it is {_words(new)}{_unseen(old, new)}")
    return lines


def _unseen(old: Sequence[FingerprintEntry], new: Sequence[FingerprintEntry]) -> str:
    """What differs if both have the same text; otherwise empty."""
    if _words(old) != _words(new):
        return ""
    differing = [
        key for key in _UNSEEN if [getattr(entry, key) for entry in old] != [getattr(entry, key) for entry in new]
    ]
    return "".join(f", {_UNSEEN[key]}" for key in differing)


def _by_object(entries: Iterable[FingerprintEntry]) -> dict[tuple[str, str], list[FingerprintEntry]]:
    found: dict[tuple[str, str], list[FingerprintEntry]] = {}
    for entry in entries:
        found.setdefault((str(entry.scope), str(entry.name)), []).append(entry)
    return found


def _object(entry: FingerprintEntry) -> str:
    return str(entry.name) if entry.scope == "instance" else f"{entry.scope} {entry.name}".strip()


def _words(entries: Sequence[FingerprintEntry]) -> str:
    return " and ".join(map(str, entries)) or "nothing"
