# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apply: carry out requested changes, as jobs that write tags, and report the result of each (design, section 6).

Rounds can read these tags at any time, so no claim is needed, except to take back a request: a round may be about to
start that repair, and once its tag was gone, nobody would know of the repair whose job is sent next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ..changes.requests import NOT_KNOWN, STOP, Change, asked_of
from ..errors import AnswerLost, AutorepairError, ClusterError, Held
from ..execution.confirm import confirm
from ..execution.lease import acquire, compare_clocks
from ..execution.submission import replace_tags
from ..execution.submitter import JobSubmitter
from ..ganeti.client import STATUS_NORMAL, Client, DryRunClient
from ..ganeti.usable import is_texts
from ..queries.cluster import cluster_tags, read_cluster
from ..repair.action import Action, ActionKind
from ..repair.case import Case, cases_at
from ..repair.outcome import Outcome
from ..reporting.results import diff
from ..settings.terms import RunContext
from ..tags.values import parse_tags
from .results import change_data, change_line

NOT_TRIED = "not tried, as nothing could be written any more"
BEGUN = f"its repair has started in the meantime and continues; {STOP}"
Done = tuple[Change, Outcome]  # the change requested for one object, and its result


def carry_out_changes(changes: Iterable[Change], client: Client, reason: str, terms: RunContext) -> dict[str, Any]:
    """Write the tags of `changes`, and return the result for a module; `terms` are for a claim, if one is needed,
    and have the clock that gives the times in the tags.

    An error with one object leaves that one as it is; the others are written. Raises ClusterError if nothing could be
    written at all, Held if a round may be about to start what is taken back, and ClockWrong, before anything is
    written, if a time has to be written and this machine's clock is wrong.
    """
    done = [_late(*result) for result in _TagApplier(client, reason, terms).carry_out(tuple(changes))]
    dry = isinstance(client, DryRunClient)
    return {
        "changed": any(outcome.sent for change, outcome in done),
        "objects": [change_data(*result) for result in done],
        "report": [change_line(*result, dry) for result in done],
        "diff": diff(outcome for change, outcome in done),
    }


@dataclass(frozen=True)
class _TagApplier:
    """Writes the tags of changes, with `reason` in the reason trail of the jobs, and waits for these jobs."""

    client: Client
    reason: str
    terms: RunContext

    def carry_out(self, changes: Sequence[Change], again: bool = True) -> list[Done]:
        """The result of each of `changes`; with `again`, the rest of one that failed in part is tried once more."""
        done, removal = self._write(changes)
        try:
            outcomes = confirm([outcome for change, outcome in done], self.client, self.terms.sleep, removal)
        except AutorepairError as error:
            return [(change, _unseen(outcome, error) if outcome.tag_jobs else outcome) for change, outcome in done]
        return self._settle([(change, outcome) for (change, _sent), outcome in zip(done, outcomes)], again)

    def _write(self, changes: Sequence[Change]) -> tuple[list[Done], int | None]:
        """Write them; also returns the job that removes this runner's claim, if there was one."""
        needed = [] if isinstance(self.client, DryRunClient) else [change for change in changes if change.needed]
        if any(change.alone for change in needed):
            return self._write_alone(changes)
        removal = compare_clocks(self.client, self.terms) if any(change.timed for change in needed) else None
        return _write(changes, self.client, self.reason), removal

    def _write_alone(self, changes: Sequence[Change]) -> tuple[list[Done], int | None]:
        """Write, under a claim, what then still has to be written; also returns the job that releases the claim."""
        try:
            claimed = acquire(self.client, cluster_tags(self.client.cluster_info()), self.terms)
        except Held as error:
            words = "a round may be about to start what is to be withdrawn, so try again after that, or suspend"
            raise Held(f"{error}; {words}; nothing was done") from error
        lost = False
        try:
            cases = {case.instance.name: case for case in cases_at(read_cluster(claimed), self.terms.clock())}
            done = _write([still(change, cases.get(change.name)) for change in changes], claimed, self.reason)
            lost = any(outcome.lost for change, outcome in done)
        finally:  # an unanswered request may still arrive: no round may start before that
            release = None if lost else claimed.release()
        return done, release

    def _settle(self, done: Sequence[Done], again: bool) -> list[Done]:
        """`done`, with failed jobs judged by the tags that exist now: somebody else may have done it meanwhile."""
        failed = [change for change, outcome in done if _failed(outcome) or outcome.lost]
        stand: Mapping[str, Collection[str]] = {}
        with suppress(AutorepairError):  # then the job's own error is what is known
            stand = _standing(failed[0].scope, self.client) if failed else {}
        done = [
            (change, _standing_only(outcome, stand.get(change.name)) if outcome.lost else outcome)
            for change, outcome in done
        ]
        return [
            self._settled(change, outcome, stand.get(change.name), again) if _failed(outcome) else (change, outcome)
            for change, outcome in done
        ]

    def _settled(self, change: Change, outcome: Outcome, tags: Collection[str] | None, again: bool) -> Done:
        """The result of a failed change, judged by the `tags` that exist now (None: not known). Ganeti removes all of a
        job's tags or none, so one that is already gone keeps the others from being removed."""
        if tags is None:
            return change, replace(outcome, added=(), removed=())
        added = tuple(tag for tag in outcome.added if tag in tags)
        outcome = replace(outcome, added=added, removed=(), sent=bool(added))
        rest = replace(
            change,
            add=tuple(tag for tag in change.add if tag not in tags),
            remove=tuple(tag for tag in change.remove if tag in tags),
        )
        if _begun(change, tags):
            return change, replace(outcome, error=BEGUN)
        noted = change.noted(_gone(change, tags))
        if not rest.needed:
            return noted, replace(outcome, error="")
        if rest.remove == change.remove or change.alone or not again:
            return change, outcome
        try:
            more = self.carry_out([rest], again=False)[0][1]
        except AutorepairError:
            return change, outcome
        return noted, replace(
            more,
            tag_jobs=outcome.tag_jobs + more.tag_jobs,
            added=outcome.added + more.added,
            sent=outcome.sent or more.sent,
        )


def still(change: Change, case: Case | None) -> Change:
    """What is left of `change` once the cluster is claimed: since `change` was made, a round may have started what it
    takes back, or somebody else may have taken it back. `case` is None if the instance is gone."""
    if case is None or "tags" in case.instance.missing_fields:
        return Change(change.scope, change.name, error=change.error or NOT_KNOWN)
    asked = asked_of(case)
    ids = {tag.id for tag in parse_tags(change.remove).pendings}
    begun = any(repair.id in ids and repair.result is None and repair not in asked for repair in case.repairs)
    if begun and not change.add:
        return Change(change.scope, change.name, error=f"{BEGUN}; nothing was done with it")
    left = tuple(tag for repair in asked for tag in repair.tags if tag in change.remove)
    words = "the one that has started continues" if begun else _gone(change, case.instance.tags)
    return replace(change, remove=left).noted(words)


def _begun(change: Change, tags: Collection[str]) -> bool:
    """Whether a repair that `change` takes back continues, with another tag among the `tags` that exist now."""
    ids = {tag.id for tag in parse_tags(change.remove).pendings}
    return any(tag.id in ids and tag.tag not in change.remove for tag in parse_tags(tags).pendings)


def _gone(change: Change, tags: Collection[str]) -> str:
    words = " ".join(tag for tag in change.remove if tag not in tags)
    return f"{words} had already been removed" if words else ""


def _standing(scope: str, client: Client) -> Mapping[str, Collection[str]]:
    """The tags of all objects of the kind `scope`, by name, in one request, except those whose tags are missing."""
    if scope == "cluster":
        return {"": cluster_tags(client.cluster_info())}
    rows = client.query(scope, ("name", "tags"))
    return {str(name[1]): tags[1] for name, tags in rows if tags[0] == STATUS_NORMAL and is_texts(tags[1])}


def _failed(outcome: Outcome) -> bool:
    """Whether a job was sent, but its tags are not written, and no job can write them any more."""
    return bool(outcome.error and outcome.tag_jobs) and not (outcome.still_queued or outcome.lost)


def _write(changes: Sequence[Change], client: Client, reason: str) -> list[Done]:
    done: list[Done] = []
    ended = lost = False
    for change in changes:
        submitter = JobSubmitter(client, _action(change), reason)
        if change.error or (ended and change.needed):
            done.append((change, submitter.outcome(change.error or NOT_TRIED)))
            continue
        try:
            replace_tags(submitter, change.add, change.remove)
            done.append((change, submitter.outcome()))
        except AutorepairError as error:
            sent = submitter.sent or any(outcome.sent for change, outcome in done)
            if isinstance(error, ClusterError) and not sent:
                raise
            # after two lost answers in a row, each further request would cost a timeout
            ended = isinstance(error, ClusterError) or (lost and isinstance(error, AnswerLost))
            lost = isinstance(error, AnswerLost)
            done.append((change, replace(submitter.outcome(str(error)), lost=lost)))
        else:
            lost = lost and not change.needed
    return done


def _unseen(outcome: Outcome, error: AutorepairError) -> Outcome:
    """`outcome` if the result of its jobs could not be read: it then lists no tags as written."""
    words = outcome.error or f"its tags were sent, but the outcome is not known: {error}"
    return replace(outcome, error=words, added=(), removed=())


def _standing_only(outcome: Outcome, tags: Collection[str] | None) -> Outcome:
    """`outcome`, some of whose requests had no answer, with the added tags that are among `tags`."""
    return replace(outcome, added=tuple(tag for tag in outcome.added if tag in (tags or ())), removed=())


def _late(change: Change, outcome: Outcome) -> Done:
    """Note that the change's job is queued behind a repair's job, which holds the lock: it runs after that job, and
    before the repair's next step."""
    if not outcome.still_queued:
        return change, outcome
    words = f"{outcome.error}: it waits in the job queue, perhaps behind a repair's job, and will be done after that"
    then = f"; then: {change.note}" if change.note else ""
    return replace(change, note=words + then), replace(outcome, error="")


def _action(change: Change) -> Action:
    return Action(ActionKind.TAG, change.name, change.note, change.scope, add=change.add, remove=change.remove)
