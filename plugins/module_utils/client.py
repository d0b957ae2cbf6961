# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The one interface through which the engine talks to a cluster, and its form that writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .model import JobRequest

Row = tuple[tuple[int, Any], ...]  # one object: (status, value) for each field, as Ganeti's queries give them
NORMAL = 0  # the status of a value that is there


class Client(Protocol):
    """What every transport can do. Each call raises an AutorepairError for whatever goes wrong."""

    def cluster_info(self) -> Mapping[str, Any]:
        """The cluster's own data, as C(gnt-cluster info) knows it: C(name), C(master), C(tags), ..."""

    def query(self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None) -> Sequence[Row]:
        """The C(fields) of all objects of C(resource) (C(node), C(group), C(instance), C(job)) that C(qfilter) lets
        by."""

    def submit(self, request: JobRequest) -> int | None:
        """Submit one job; its id, or None where nothing was sent (check mode)."""


class DryRunClient:
    """A client for check mode (law 1): reads pass, a write is remembered in C(unsent) and goes nowhere."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.unsent: list[JobRequest] = []

    def cluster_info(self) -> Mapping[str, Any]:
        """See Client."""
        return self._client.cluster_info()

    def query(self, resource: str, fields: Sequence[str], qfilter: Sequence[Any] | None = None) -> Sequence[Row]:
        """See Client."""
        return self._client.query(resource, fields, qfilter)

    def submit(self, request: JobRequest) -> int | None:
        """Remember the request; there is no job."""
        self.unsent.append(request)
        return None
