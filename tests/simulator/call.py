# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A request as a resource meets it: checked, read, and ready to become a job."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from simulator import opcodes
from simulator.errors import RequestError
from simulator.job import nanoseconds

if TYPE_CHECKING:
    from simulator.cluster import Cluster


@dataclass(frozen=True)
class Call:
    """A request to a resource: `items` are the names in its path, `data` is its body."""

    cluster: Cluster
    resource: str
    items: tuple[str, ...]
    query: Mapping[str, list[str]]
    data: Any

    def text(self, name: str) -> str | None:
        """Return the first value of a query parameter."""
        return self.query.get(name, [None])[0]

    def flag(self, name: str) -> bool:
        """Return a query parameter that is a number as truth; raise 400."""
        try:
            return bool(int(self.text(name) or 0))
        except ValueError as error:
            raise RequestError(400, f"Invalid value for the '{name}' parameter") from error

    def must_be(self, kind: type) -> Any:
        """Return the body if it is of a type; raise 400."""
        if not isinstance(self.data, kind):
            given, wanted = type(self.data).__name__, kind.__name__
            raise RequestError(400, f"Body contents: Type is '{given}', but '{wanted}' is expected")
        return self.data

    def trail(self) -> list[list[object]]:
        """Return the reason trail: the user's words, then where the job came in."""
        now = nanoseconds(self.cluster.clock.now())
        words = self.text("reason")
        user = [["gnt:user", words, now]] if words else []
        return [*user, [f"gnt:library:rlib2:{self.resource}", "", now]]

    def submit(self, op_id: str, body: object, **static: object) -> int:
        """Submit a job of one opcode; `static` are parameters that the request may not set. Return its id."""
        if body is not None and not isinstance(body, dict):
            self.must_be(dict)
        params: dict[str, object] = dict(body) if isinstance(body, dict) else {}
        if isinstance(self.data, dict) and self.data.get("depends"):
            params["depends"] = self.data["depends"]
        static["reason"] = self.trail()
        if taken := sorted(params.keys() & static.keys()):
            listed = "{" + ", ".join(map(repr, taken)) + "}"
            raise RequestError(400, f"Can't overwrite static parameters {listed}")
        return self.cluster.submit([opcodes.build(op_id, {**params, **static})])
