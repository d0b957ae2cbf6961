# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""LUXI requests and answers as values: JSON objects, each with a closing byte 3. No sockets here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

END = b"\x03"
WRITES = frozenset({"SubmitJob", "SubmitManyJobs", "CancelJob", "SetDrainFlag", "SetWatcherPause"})


@dataclass(frozen=True)
class Message:
    """A request over LUXI, as it came in, without the closing byte."""

    body: bytes

    @cached_property
    def data(self) -> Mapping[str, Any]:
        """Return the request read as JSON; raise ValueError if it is no object."""
        data = json.loads(self.body)
        if not isinstance(data, dict):
            raise ValueError("no object")
        return data

    @property
    def method(self) -> str:
        """Return the method's name, nothing if the request can't be read."""
        try:
            return str(self.data.get("method", ""))
        except ValueError:
            return ""

    @property
    def arguments(self) -> list[Any]:
        """Return what the method is given."""
        try:
            given = self.data.get("args")
        except ValueError:
            given = None
        return given if isinstance(given, list) else []

    @property
    def path(self) -> str:
        """Return what it is about: the kind that is queried, or the opcodes and the objects of the jobs submitted.

        "OP_TAGS_SET+OP_INSTANCE_FAILOVER web.example.com"; the jobs of SubmitManyJobs stand with ", " between them.
        """
        if not self.arguments:
            return ""
        first = self.arguments[0]
        if self.method == "SubmitJob":
            return job_path(first)
        if self.method == "SubmitManyJobs":
            return ", ".join(map(job_path, first if isinstance(first, list) else []))
        if self.method == "QueryTags":
            return " ".join(map(str, self.arguments)).strip()
        return ",".join(map(str, first)) if isinstance(first, list) else str(first)

    @property
    def target(self) -> str:
        """Return what it is about, as the log shows it."""
        return self.path

    @property
    def user(self) -> str:
        """Return nobody: whoever may open the socket may do everything."""
        return ""

    @property
    def writes(self) -> bool:
        """Whether it may change the cluster."""
        return self.method in WRITES


@dataclass(frozen=True)
class Answer:
    """An answer over LUXI: its text without the closing byte. After one that `closes` the connection ends."""

    body: bytes
    status: str = "success"
    closes: bool = False

    @property
    def json(self) -> Any:
        """Return the answer read as JSON."""
        return json.loads(self.body)


def request(method: str, *arguments: object) -> Message:
    """Return a request."""
    return Message(json.dumps({"method": method, "args": arguments}).encode())


def success(result: object) -> Answer:
    """Return a good answer."""
    return Answer(json.dumps({"success": True, "result": result}).encode())


def failure(kind: str, *arguments: object) -> Answer:
    """Return the answer to what Ganeti refuses: the class of the error, and its arguments."""
    return Answer(json.dumps({"success": False, "result": [kind, arguments]}).encode(), kind)


def unreadable(text: str) -> Answer:
    """Return the answer to a request that can't be read, after which Ganeti closes the connection."""
    return Answer(json.dumps({"success": False, "result": text}).encode(), "unreadable", closes=True)


def job_path(job: object) -> str:
    """Return the names of a job's opcodes, and what they are about, each once."""
    ops = [op for op in job if isinstance(op, dict)] if isinstance(job, list) else []
    about = [op.get("instance_name", op.get("node_name", op.get("name"))) for op in ops]
    names = dict.fromkeys(str(name) for name in about if name)
    return " ".join(["+".join(str(op.get("OP_ID")) for op in ops), *names])
