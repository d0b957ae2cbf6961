# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The words of a sentence: what is asked of a cluster, what is done to it, and what is looked at.

A sentence is a name and steps. Each step runs on both sides, and what it gives is compared. Job ids of a sentence
are written `JOB[0]`, `JOB[1]`, ... for its first, second, ... job.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab import Settings

DOMAIN = Settings.from_environment().domain
ABOUT = r"'(?:instance_name|name)': '([^']+)'"


def full(short: str) -> str:
    """Return the full name of an instance or node."""
    return f"{short}.{DOMAIN}"


@dataclass(frozen=True)
class Ref:
    """The id of a job that this sentence has submitted; in a text it stands as <JOBn>."""

    number: int

    def __str__(self) -> str:
        return f"<JOB{self.number}>"


class _Jobs:
    def __getitem__(self, number: int) -> Ref:
        return Ref(number)


JOB = _Jobs()


def resolve(value: Any, jobs: Sequence[int]) -> Any:
    """Return a value with the ids of jobs for their references."""
    if isinstance(value, Ref):
        return jobs[value.number]
    if isinstance(value, str):
        return re.sub(r"<JOB(\d+)>", lambda found: str(jobs[int(found[1])]), value)
    if isinstance(value, (list, tuple)):
        return [resolve(one, jobs) for one in value]
    if isinstance(value, dict):
        return {key: resolve(one, jobs) for key, one in value.items()}
    return value


@dataclass(frozen=True)
class Ask:
    """A request. `body` is sent as JSON unless it is bytes; the answer is compared, with status and headers."""

    method: str
    target: str
    body: Any = None
    user: str = "write"
    content_type: str = "application/json"


@dataclass(frozen=True)
class Call:
    """A LUXI call. Its answer is compared: whether it is a success, and the result."""

    method: str
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Raw:
    """Requests sent over LUXI on one connection; compared are the answers, and whether it ended before the last."""

    sent: bytes


Request = Ask | Call


@dataclass(frozen=True)
class Part:
    """A request of whose answer only these keys are compared."""

    request: Request
    keys: tuple[str, ...]


@dataclass(frozen=True)
class Jobs:
    """Requests that make jobs, all submitted before any is waited for; compared are the jobs at their end."""

    asks: tuple[Request, ...]
    quiet: bool = False  # only their success counts


@dataclass(frozen=True)
class Submit:
    """A request that makes a job which is not waited for here. `started` waits until the job runs."""

    ask: Request
    started: bool = False


@dataclass(frozen=True)
class Finish:
    """Wait for all jobs of the sentence and compare them."""


@dataclass(frozen=True)
class Look:
    """Compare where instances are and how they do."""

    names: tuple[str, ...]


@dataclass(frozen=True)
class Modified:
    """Compare which nodes have a later `mtime` than at the last such step of the sentence; the first just looks."""


@dataclass(frozen=True)
class Act:
    """Something done to the cluster not by its API: a method of `Side` and its arguments."""

    what: str
    arguments: tuple[Any, ...] = ()


Step = Ask | Call | Part | Raw | Jobs | Submit | Finish | Look | Modified | Act


@dataclass(frozen=True)
class Sentence:
    """A name that says what is so, and the steps that show it."""

    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True)
class Phase:
    """Sentences that begin with the same cluster. `apart`: those about different objects don't touch.

    `steady` are instances that none of them changes: they may be named by several at once.
    """

    sentences: tuple[Sentence, ...]
    apart: bool = False
    steady: frozenset[str] = frozenset()


def tracks(phase: Phase) -> list[list[Sentence]]:
    """Return the sentences in lists that can run side by side: who changes the same object stays in one list."""
    if not phase.apart:
        return [list(phase.sentences)]
    found: list[tuple[set[str], list[Sentence]]] = []
    for one in phase.sentences:
        names, together = touched(one) - phase.steady, [one]
        for other in [track for track in found if track[0] & names]:
            found.remove(other)
            names |= other[0]
            together = other[1] + together
        found.append((names, together))
    return sorted((together for _, together in found), key=len, reverse=True)  # the longest begins first


def touched(one: Sentence) -> set[str]:
    """Return the short names of the objects that a sentence is about."""
    text = str(one.steps)
    names = set(re.findall(r"/2/(?:instances|groups|nodes)/([^/?]+)/", text)) | set(re.findall(ABOUT, text))
    cluster = {"the cluster"} if "/2/tags" in text or "'kind': 'cluster'" in text or "('cluster'," in text else set()
    return {name.removesuffix(f".{DOMAIN}") for name in names} | cluster


def sentence(name: str, *steps: Step) -> Sentence:
    """Return a sentence."""
    return Sentence(name, steps)


def jobs(*asks: Request) -> Jobs:
    """Return a step that submits jobs side by side."""
    return Jobs(asks)


def quietly(*asks: Request) -> Jobs:
    """Return a step that submits jobs side by side which must succeed, and are not compared."""
    return Jobs(asks, quiet=True)


def look(*names: str) -> Look:
    """Return a step that looks at instances."""
    return Look(names)


def instance(short: str, what: str, body: Any = None, query: str = "") -> Ask:
    """Return a request to do something to an instance."""
    method = "POST" if what in ("replace-disks", "recreate-disks", "reinstall") else "PUT"
    return Ask(method, f"/2/instances/{full(short)}/{what}{query}", body)


def tag(short: str, text: str, body: Any = None, method: str = "PUT") -> Ask:
    """Return a request to set or delete a tag of an instance."""
    return Ask(method, f"/2/instances/{full(short)}/tags?tag={text}", body)


def node(short: str, **flags: bool) -> Ask:
    """Return a request to say something of a node."""
    return Ask("POST", f"/2/nodes/{full(short)}/modify", flags)


def query(kind: str, fields: list[str], qfilter: Any = None) -> Ask:
    """Return a query."""
    return Ask("PUT", f"/2/query/{kind}", {"fields": fields, "qfilter": qfilter})


def call(method: str, *arguments: Any) -> Call:
    """Return a LUXI call."""
    return Call(method, arguments)


def job(*ops: dict[str, Any]) -> Call:
    """Return a LUXI call that submits a job of these opcodes."""
    return call("SubmitJob", list(ops))


def op(op_id: str, short: str = "", /, **parameters: Any) -> dict[str, Any]:
    """Return an opcode; `short` is its instance."""
    about = {"instance_name": full(short)} if short else {}
    return {"OP_ID": f"OP_{op_id}", "reason": [], **about, **parameters}


def tags(name: str, short: str, *texts: str) -> dict[str, Any]:
    """Return the opcode that sets or deletes tags of an instance (TAGS_SET, TAGS_DEL), or of the cluster."""
    about = {"kind": "instance", "name": full(short)} if short else {"kind": "cluster"}
    return op(name, **about, tags=list(texts))
