# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The laws about jobs, as a job queue can hold its submitters to them."""

from __future__ import annotations

from simulator import Cluster
from simulator.job import Job
from simulator.jobs import Queue, dependencies

from .book import DESTROYERS, REPEATABLE, foreign, in_force, needs, repair_of, words
from .seen import Look, Seen

REFUSALS = ("OpPrereqError", "not fully synchronized", "Can't get data for node")  # of an opcode that has done nothing


Marks = tuple[float, frozenset[str], frozenset[str]]  # when a runner looked; the nodes online, and not marked offline
NO_LOOK: Marks = (0.0, frozenset(), frozenset())


def has_done_a_step(job: Job) -> bool:
    """Whether a step of a repair has succeeded in a job, however that ended."""
    done = {step.op["OP_ID"] for step in job.steps if step.status == "success"}
    return any(name.startswith("OP_INSTANCE_") and name != "OP_INSTANCE_ACTIVATE_DISKS" for name in done)


class JobLaws(Queue):
    """A job queue that looks at each new job of a runner, and notes in `broken` which law it breaks.

    `events` counts what people and chance did to the cluster; `looks` says how many jobs had been submitted when a
    runner last began to look at the cluster.
    """

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self.cluster, self.actor, self.events = cluster, "", 0
        self.seen: list[Seen] = []
        self.looks: dict[str, int] = {}
        self.marks: dict[
            str, tuple[float, frozenset[str]]
        ] = {}  # when a runner last looked at them, and who was online
        self.claims: dict[str, str] = {}  # of runners that have not released them
        self.writers: set[str] = set()
        self.broken: list[str] = []
        self.rounds: list[Look] = []
        self.canceled_by: dict[int, str] = {}  # of canceled jobs
        self.called_off: dict[str, tuple[int, float]] = {}  # by the UUIDs of instances: the canceled job, and when

    def check(self, seen: Seen, now: float) -> None:
        """Hold a new job of a runner to all laws."""
        if seen.claims:
            self._note_claims(seen)
        else:
            self._check_writer(seen, now)
        self._check_results(seen)
        if seen.steps:
            self._check_intent(seen)
            self._check_data(seen)
            self._check_once(seen)
            self._check_word(seen)
            self._check_tags(seen)

    def _check_word(self, seen: Seen) -> None:
        """Law 10: when a person has canceled the giving-up of disks, it is for people until one of them says so."""
        if set(seen.steps) & set(DESTROYERS) and seen.uuid in self.called_off:
            job_id, _ = self.called_off[seen.uuid]
            self.broken.append(f"law 10: {seen.job.summary} once more, after a person canceled job {job_id}")

    def _check_tags(self, seen: Seen) -> None:
        """Law 11: nothing is done for a repair whose tag names another instance's jobs."""
        known = {
            one.job.id: one.job for one in self.seen[: self.looks[seen.actor]] if self.jobs.get(one.job.id) is one.job
        }
        instance = self.cluster.instance(seen.instance)
        wrong = [tag for tag in words(instance.tags) if foreign(tag, instance, known)]
        if any(repair_of(seen.job) in ("", f"ganeti.autorepair:{tag[2]}") for tag in wrong):
            self.broken.append(f"law 11: {seen.job.summary} though the tag {wrong} names jobs of others")

    def _note_claims(self, seen: Seen) -> None:
        for op in seen.claims:
            if op["OP_ID"] == "OP_TAGS_SET":
                self.claims[seen.actor] = op["tags"][0]
            elif self.claims.get(seen.actor) in op["tags"]:
                del self.claims[seen.actor]
                self.writers.discard(seen.actor)

    def _check_writer(self, seen: Seen, now: float) -> None:
        """Law 3: who writes has a claim that stands, is the only one, and knows all that others have written."""
        what = f"{seen.actor} submitted {seen.job.summary}"
        claim = self.claims.get(seen.actor, "")
        if claim not in self.cluster.tags or not in_force(claim, now):
            self.broken.append(f"law 3: {what} without a claim")
        others = [one for one in self.writers if one != seen.actor and in_force(self.claims[one], now)]
        if others:
            self.broken.append(f"law 3: {what} while {others} wrote")
        unknown = [one for one in self.seen[self.looks[seen.actor] :] if one.actor not in ("", seen.actor)]
        if any(not one.claims for one in unknown):
            self.broken.append(f"law 3: {what} by what it had read before another wrote")
        self.writers.add(seen.actor)

    def _check_intent(self, seen: Seen) -> None:
        """Law 2: the pending tag stands before the step can run."""
        before = [
            one.job for one in self.seen if one.job.id in [number for number, _ in dependencies(seen.job.steps[0])]
        ]
        setting = [step.op["tags"] for job in (*before, seen.job) for step in job.steps if "tags" in step.op]
        tags = self.cluster.instance(seen.instance).tags.union(*setting)
        repair = repair_of(seen.job).partition(":")[2]
        if not any(tag[0] == "pending" and repair in ("", tag[2]) for tag in words(tags)):
            self.broken.append(f"law 2: {seen.job.summary} without its pending tag")

    def _check_data(self, seen: Seen) -> None:
        """Nothing that destroys data while a node that holds it is not marked offline (design, section 3)."""
        destroys = [step for step in seen.steps if step in DESTROYERS]
        instance = self.cluster.instance(seen.instance)
        time, _online, unmarked = self.marks.get(seen.actor, NO_LOOK)
        unmarked = unmarked if time == self.cluster.clock.now() else self.unmarked()
        alive = [name for name in instance.nodes if name in unmarked]
        if destroys and (instance.kind == "shared" or (alive and not self._emptied(seen))):
            self.broken.append(f"law 1: {seen.job.summary} while {alive} had the data")

    def unmarked(self) -> frozenset[str]:
        """The nodes that are not marked offline, whether they live or not."""
        return frozenset(node.name for node in self.cluster.nodes.values() if not node.offline)

    def _emptied(self, seen: Seen) -> bool:
        """Whether a step other than a recreation comes after this repair's own recreation, with nothing in between."""
        emptied = self._emptied_by(seen.instance)
        own = emptied is not None and repair_of(seen.job) in ("", repair_of(emptied))
        return own and DESTROYERS[0] not in seen.steps

    def _emptied_by(self, instance: str) -> Job | None:
        """The job that has recreated the disks of an instance, if nobody has installed anything on them since."""
        done = [
            (one.job, step.op["OP_ID"])
            for one in self.seen
            for step in one.job.steps
            if one.uuid == self.cluster.instance(instance).uuid
            and step.op["OP_ID"] in DESTROYERS
            and step.status == "success"
        ]
        return done[-1][0] if done and done[-1][1] == DESTROYERS[0] else None

    def _check_results(self, seen: Seen) -> None:
        """Law 8: success is of an instance on good nodes, and never of one whose new disks are empty."""
        ops = [step.op for step in seen.job.steps if step.op["OP_ID"] == "OP_TAGS_SET"]
        for op in [op for op in ops if op["kind"] == "instance"]:
            for tag in [tag for tag in words(set(op["tags"])) if tag[0] == "result" and tag[4] == "failure"]:
                self._check_failure(op["name"], tag)
            for tag in [tag for tag in words(set(op["tags"])) if tag[0] == "result" and tag[4] == "success"]:
                if not any(has_done_a_step(one.job) for one in self._jobs_of(op["name"], tag)):
                    self.broken.append(f"law 8: {tag} though no step of it has succeeded")
                emptied = self._emptied_by(op["name"])
                if emptied and repair_of(emptied) == f"ganeti.autorepair:{tag[2]}":
                    self.broken.append(f"law 8: {tag} while the disks of {op['name']} are empty")
                if needs(self.cluster, self.cluster.instance(op["name"])):
                    self.broken.append(f"law 8: {tag} while {op['name']} is not healthy")

    def _jobs_of(self, instance: str, tag: list[str]) -> list[Seen]:
        """The jobs of the repair that a tag is about: those that it names, and those that name it."""
        uuid, numbers = self.cluster.instance(instance).uuid, tag[-1].split("+")
        ours = [one for one in self.seen if one.steps and one.uuid == uuid]
        return [one for one in ours if str(one.job.id) in numbers or repair_of(one.job).endswith(f":{tag[2]}")]

    def _check_failure(self, instance: str, tag: list[str]) -> None:
        """Law 8: an allocator that can't collect its data is trouble elsewhere, and no step's own failure."""
        errors = [one.job.error for one in self._jobs_of(instance, tag) if one.job.status == "error"]
        if errors and "Can't get data for node" in errors[-1]:
            self.broken.append(f"law 8: {tag} for {errors[-1]}")

    def _check_once(self, seen: Seen) -> None:
        """Law 2: one step after the other, and none again that has succeeded, unless something has happened since."""
        ours = [one for one in self.seen if one.actor and one.steps and one.uuid == seen.uuid]
        before = {number for step in seen.job.steps for number, _ in step.op["depends"] or ()}
        if unfinished := [one.job.summary for one in ours if not one.job.finished and one.job.id not in before]:
            self.broken.append(f"law 2: {seen.job.summary} beside {unfinished}")
        last = ours[-1] if ours else None
        if last and last.job.status == "success" and last.events == seen.events and last.steps == seen.steps:
            self.broken.append(f"law 2: {seen.job.summary} once more after job {last.job.id}")
        if last and self.jobs.get(last.job.id) is last.job and repair_of(seen.job) in ("", repair_of(last.job)):
            self._check_retry(seen, last.job)

    def _check_retry(self, seen: Seen, last: Job) -> None:
        """Law 8: a repair goes on after no cancel, and after an error only where that does no harm."""
        depends = {number for step in seen.job.steps for number, _ in step.op["depends"] or ()}
        if last.status == "canceled" and last.id not in depends:  # what depends on it is canceled, too
            self.broken.append(f"law 8: {seen.job.summary} after job {last.id} was canceled")
        failed = next((step for step in last.steps if step.status == "error" and "instance_name" in step.op), None)
        op = failed.op["OP_ID"] if failed else ""
        harmless = op in REPEATABLE or (op == "OP_INSTANCE_MIGRATE" and op not in seen.steps)  # it is overtaken
        refused = failed and any(words in str(failed.result) for words in REFUSALS)
        if failed and not harmless and not refused:
            self.broken.append(f"law 8: {seen.job.summary} after {failed.op['OP_ID']} failed half-way in job {last.id}")
