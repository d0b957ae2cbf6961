# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a sentence on one side, and return all that it showed, made comparable."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from contract.normalise import normal
from contract.sentence import (
    Act,
    Ask,
    Call,
    Finish,
    Jobs,
    Look,
    Modified,
    Part,
    Raw,
    Request,
    Sentence,
    Step,
    Submit,
    full,
    query,
    resolve,
)
from contract.sides import Side

STATE = ["name", "pnode", "snodes", "admin_state", "status", "oper_state", "tags"]


@dataclass
class Run:
    """A sentence on its way through one side. `shown` is what came of each step, `mtimes` are the nodes' last."""

    side: Side
    jobs: list[int] = field(default_factory=list)
    shown: list[Any] = field(default_factory=list)
    mtimes: dict[str, float] = field(default_factory=dict)

    def go(self, sentence: Sentence) -> list[Any]:
        """Go through all steps."""
        for step in sentence.steps:
            self.step(step)
        return self.shown

    def step(self, step: Step) -> None:
        """Go one step."""
        if isinstance(step, (Ask, Call, Part, Raw)):
            self.show(self.answer(step))
        elif isinstance(step, Submit):
            self.submit(step.ask)
            if step.started:
                self.side.wait_running(self.jobs[-1])
        elif isinstance(step, Jobs):
            self.run_jobs(step)
        elif isinstance(step, Finish):
            self.finish(0)
        elif isinstance(step, Look):
            self.look(step)
        elif isinstance(step, Modified):
            self.compare_mtimes()
        elif isinstance(step, Act):
            getattr(self.side, step.what)(*resolve(list(step.arguments), self.jobs))

    def show(self, value: Any) -> None:
        """Add something to compare."""
        self.shown.append(normal(value, {job: number for number, job in enumerate(self.jobs)}))

    def send(self, ask: Ask) -> Any:
        """Send a request with the ids of jobs put in."""
        target, body = resolve(ask.target, self.jobs), resolve(ask.body, self.jobs)
        return self.side.ask(replace(ask, target=target, body=body))

    def answer(self, step: Ask | Call | Part | Raw) -> Any:
        """Send a request over RAPI or LUXI, and return what shall be compared."""
        if isinstance(step, Ask):
            return {"request": f"{step.method} {step.target}", **asdict(self.send(step))}
        if isinstance(step, Call):
            return {"call": step.method, **self.call(step)}
        if isinstance(step, Part):
            result = self.whole(step.request)
            return {key: result[key] for key in step.keys}
        return self.side.send_raw(step.sent)

    def call(self, call: Call) -> dict[str, Any]:
        """Send a LUXI call with the ids of jobs put in."""
        return self.side.call(call.method, resolve(call.arguments, self.jobs))

    def whole(self, request: Request) -> Any:
        """Send a request, and return what was asked for."""
        return self.send(request).body if isinstance(request, Ask) else self.call(request)["result"]

    def submit(self, request: Request) -> None:
        """Send a request that makes a job, or several."""
        answer = self.whole(request)
        made = [number for _, number in answer] if isinstance(answer, list) else [answer]
        assert all(isinstance(number, int) for number in made), f"{request} gave no job but {answer}"
        self.jobs += made

    def run_jobs(self, step: Jobs) -> None:
        """Submit jobs, wait for all, and compare them, unless only their success counts."""
        first = len(self.jobs)
        for ask in step.asks:
            self.submit(ask)
        if step.quiet:
            self.succeed(first)
        else:
            self.finish(first)

    def finish(self, first: int) -> None:
        """Wait for jobs and compare how they ended."""
        self.side.settle(self.jobs[first:])
        for job in self.jobs[first:]:
            self.show(self.side.ask(Ask("GET", f"/2/jobs/{job}")).body)

    def succeed(self, first: int) -> None:
        """Wait for jobs that must succeed."""
        self.side.settle(self.jobs[first:])
        for job in self.jobs[first:]:
            body = self.side.ask(Ask("GET", f"/2/jobs/{job}")).body
            assert body["status"] == "success", f"{body['summary']}: {body['opresult']}"

    def look(self, look: Look) -> None:
        """Compare the state of instances."""
        named = ["|", *(["=", "name", full(name)] for name in look.names)]
        rows = self.side.ask(query("instance", STATE, named)).body["data"]
        self.show(sorted(rows))

    def compare_mtimes(self) -> None:
        """Compare which nodes were modified since they were last looked at."""
        rows = self.side.ask(query("node", ["name", "mtime"])).body["data"]
        found = {name: mtime for (_, name), (_, mtime) in rows}
        self.show(sorted(name for name, mtime in found.items() if mtime > self.mtimes.get(name, mtime)))
        self.mtimes = found
