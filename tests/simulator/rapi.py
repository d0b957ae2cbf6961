# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The remote API: what each request means to the cluster. From `Request` to `Response`, without sockets.

The order of the refusals is Ganeti's: who are you (401), is there such a thing (404, 501), may you (403), can the
body be read (415, 400), and then what the resource itself finds wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from simulator.call import Call
from simulator.errors import RequestError
from simulator.http import Request, Response, answer, refusal
from simulator.resources import RESOURCES, Resource

if TYPE_CHECKING:
    from simulator.cluster import Cluster

METHODS = frozenset({"GET", "PUT", "POST", "DELETE"})


@dataclass(frozen=True)
class User:
    """Someone who may use the API, with what the users file allows: `write`, `read`, or neither.

    Queries need one of the two (measured: the user without any gets 403 even for GET /2/query).
    """

    password: str
    write: bool = True
    read: bool = True


@dataclass
class Rapi:
    """The remote API of a cluster. `users` are those of Ganeti's rapi/users file."""

    cluster: Cluster
    users: Mapping[str, User] = field(
        default_factory=lambda: {"lab": User("labsecret"), "viewer": User("viewersecret", write=False)}
    )

    def handle(self, request: Request) -> Response:
        """Answer a request at the clock's time."""
        try:
            user = self.authenticate(request)
            resource, items = self.route(request)
            if not (user.write or (user.read if request.path.startswith("/2/query/") else not request.writes)):
                raise RequestError(403)
            call = Call(self.cluster, resource.name, items, request.query, request.data)
            return answer(resource.methods[request.method](call))
        except RequestError as error:
            return refusal(error.status, error.message)

    def authenticate(self, request: Request) -> User:
        """Return who asks; raise 401."""
        name, password = request.credentials
        user = self.users.get(name)
        if user is None or user.password != password:
            raise RequestError(401)
        return user

    def route(self, request: Request) -> tuple[Resource, tuple[str, ...]]:
        """Return the resource and the names in the path; raise 404 or 501."""
        for resource in RESOURCES:
            if (found := resource.pattern.fullmatch(request.path)) is None:
                continue
            if request.method not in METHODS & resource.methods.keys():
                text = f"Method {request.method} is unsupported for path {request.path}"
                raise RequestError(501, text)
            return resource, found.groups()
        raise RequestError(404)
