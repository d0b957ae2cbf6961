# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""As much of AWX's API as the modules of awx.awx use to make objects: a store that checks names, fields and references.

What it takes for valid is what those modules send; AWX itself may refuse more.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

Item = dict[str, Any]

TYPES = {
    "organizations": "organization",
    "credential_types": "credential_type",
    "credentials": "credential",
    "execution_environments": "execution_environment",
    "projects": "project",
    "inventories": "inventory",
    "hosts": "host",
    "notification_templates": "notification_template",
    "job_templates": "job_template",
    "schedules": "schedule",
    "workflow_job_templates": "workflow_job_template",
    "workflow_job_template_nodes": "workflow_job_template_node",
    "workflow_approval_templates": "workflow_approval_template",
}
UNIFIED = ("job_templates", "workflow_job_templates", "projects", "workflow_approval_templates")
SECRET = "$encrypted$"


class NotThereError(Exception):
    """There is no such thing."""


@dataclass
class Awx:
    """The objects that were made, by kind and id, what they are joined to, and how many requests wrote."""

    objects: dict[str, dict[int, Item]] = field(default_factory=lambda: {kind: {} for kind in TYPES})
    joined: dict[str, list[int]] = field(default_factory=dict)
    surveys: dict[str, Any] = field(default_factory=dict)
    secrets: dict[int, Item] = field(default_factory=dict)
    writes: int = 0
    url: str = ""

    def named(self, kind: str, name: str) -> Item:
        """The one object of a kind with this name, or for nodes, this identifier."""
        (found,) = [one for one in self.objects[kind].values() if name in (one.get("name"), one.get("identifier"))]
        return found

    def related(self, item: Item, relation: str) -> list[int]:
        """The ids that an object is joined to."""
        return self.joined.get(f"{item['url']}{relation}/", [])

    def survey(self, item: Item) -> list[Item]:
        """The questions of a job template's survey, if it is switched on."""
        found: list[Item] = self.surveys.get(item["related"]["survey_spec"], {}).get("spec", [])
        return found if item.get("survey_enabled") else []

    # what requests do

    def get(self, path: str, query: Mapping[str, str]) -> Any:
        """Answer a GET."""
        parts = path.strip("/").split("/")[2:]
        if parts[-1] == "survey_spec":
            return self.surveys.get(path, {})
        if len(parts) == 1:
            return self._listed([one for one in self._all(parts[0]) if _fits(one, query)])
        if len(parts) == 2:
            return self._one(*parts)
        if parts[0] == "workflow_approval_templates":  # nothing is joined to these
            raise NotThereError
        self._one(*parts[:2])
        return self._listed([{"id": number} for number in self.joined.get(path, [])])

    def post(self, path: str, data: Item) -> tuple[int, Any]:
        """Answer a POST with a code and an object."""
        self.writes += 1
        parts = path.strip("/").split("/")[2:]
        if parts[-1] == "survey_spec":
            self.surveys[path] = data
            return 200, {}
        if len(parts) == 1:
            return 201, self._make(parts[0], data)
        owner = self._one(*parts[:2])
        if parts[2] == "create_approval_template":
            made = self._make("workflow_approval_templates", data)
            owner["unified_job_template"] = made["id"]
            owner["related"]["unified_job_template"] = made["url"]
            return 201, made
        known = self.joined.setdefault(path, [])
        known.remove(data["id"]) if data.get("disassociate") else known.append(data["id"])
        return 204, None

    def patch(self, path: str, data: Item) -> Any:
        """Answer a PATCH."""
        self.writes += 1
        item = self._one(*path.strip("/").split("/")[2:])
        self._check(item["type"], data)
        item.update(self._hidden(item["id"], {**item, **data}))
        return item

    def _all(self, kind: str) -> list[Item]:
        kinds = UNIFIED if kind == "unified_job_templates" else (kind,)
        return [one for kind in kinds for one in self.objects[kind].values()]

    def _one(self, kind: str, number: str) -> Item:
        try:
            return self.objects[kind][int(number)]
        except (KeyError, ValueError) as error:
            raise NotThereError from error

    @staticmethod
    def _listed(found: list[Item]) -> Item:
        return {"count": len(found), "next": None, "previous": None, "results": found}

    def _make(self, kind: str, data: Item) -> Item:
        self._check(TYPES[kind], data)
        number = 1 + sum(len(made) for made in self.objects.values())
        url = f"/api/v2/{kind}/{number}/"
        fixed = {"id": number, "type": TYPES[kind], "url": url, "summary_fields": {}, "scm_revision": ""}
        self.objects[kind][number] = {
            "kind": "",
            **self._hidden(number, data),
            **fixed,
            "related": {"survey_spec": f"{url}survey_spec/"},
        }
        return self.objects[kind][number]

    def _check(self, kind: str, data: Item) -> None:
        """See that what an object refers to is there."""
        for plural, name in TYPES.items():
            if data.get(name) is not None and name != kind:
                self._one(plural, data[name])
        if data.get("unified_job_template") is not None:
            assert any(data["unified_job_template"] in self.objects[plural] for plural in UNIFIED), data

    def _hidden(self, number: int, data: Item) -> Item:
        """What of an object is shown: of a credential, not its secrets."""
        if "credential_type" not in data:
            return data
        fields = self.objects["credential_types"][data["credential_type"]]["inputs"]["fields"]
        secret = {one["id"] for one in fields if one.get("secret")}
        known = self.secrets.setdefault(number, {})
        known.update({name: value for name, value in data["inputs"].items() if value != SECRET})
        return {**data, "inputs": {name: SECRET if name in secret else known[name] for name in data["inputs"]}}


def _fits(item: Item, query: Mapping[str, str]) -> bool:
    return all(str(item.get(name)) == value for name, value in query.items())


@contextmanager
def serve() -> Iterator[Awx]:
    """Serve an AWX on loopback, in which there is what a fresh one has of what is referred to."""
    awx = Awx()
    awx.post("/api/v2/credential_types/", {"name": "Galaxy", "inputs": {"fields": []}, "injectors": {}})
    galaxy = {"name": "Ansible Galaxy", "credential_type": 1, "inputs": {}}
    awx.post("/api/v2/credentials/", galaxy)
    awx.writes = 0
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        wbufsize = -1  # an answer goes in one piece

        def _answer(self) -> None:
            target = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            with lock:
                try:
                    code, answer = self._ask(target.path, dict(parse_qsl(target.query)), body)
                except NotThereError:
                    code, answer = 404, {"detail": "Not found."}
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(code)
            self.send_header("X-API-Product-Name", "AWX")
            self.send_header("X-API-Product-Version", "24.6.1")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def _ask(self, path: str, query: dict[str, str], body: bytes) -> tuple[int, Any]:
            if self.command == "POST":
                return awx.post(path, json.loads(body))
            if self.command == "PATCH":
                return 200, awx.patch(path, json.loads(body))
            return 200, awx.get(path, query)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    awx.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield awx
    finally:
        server.shutdown()
        server.server_close()
