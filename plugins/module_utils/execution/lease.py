# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lease: who may write to a cluster, as a tag of the cluster itself (design, law 3).

Ganeti's tags have no compare-and-set, so a claim is set first and checked afterwards: a round writes only after a read
that showed its own claim and nobody else's. Of two rounds, the one whose claim was set later reads later, and so sees
the other's. See docs/exactly-once.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from itertools import chain, count

from ..errors import AnswerLost, AutorepairError, ClaimOver, ClaimUnread, ClusterError, Held
from ..ganeti.client import Client
from ..ganeti.job_request import JobRequest, Task
from ..ganeti.model import utc
from ..ganeti.operations import Operation
from ..queries.cluster import cluster_tags
from ..queries.jobs import query_jobs
from ..queries.waiter import growing, wait_until
from ..settings.terms import RunContext
from ..tags.clocks import LEASE, is_beyond
from ..tags.fields import claim_tag
from ..tags.values import Claim, Malformed, parse_tags
from .clock import check_clock

MARGIN = 120  # seconds before its end when its holder stops writing: for requests in transit, and for wrong clocks
WRITING = 30  # seconds that must remain for the read under the claim, and for the writes
SET_SECONDS = LEASE - MARGIN - WRITING  # to wait for the claim to be set: its job may have to queue
GIVE_WAY_SECONDS = 15  # to wait for others who claimed in the same moment, and withdraw
_REASON = "ganeti.autorepair: one writer at a time"


class ClaimedClient:
    """A client that writes only while its claim holds."""

    def __init__(self, client: Client, terms: RunContext, tag: str, until: float) -> None:
        self._client = client
        self._terms = terms
        self._tag = tag
        self._until = until
        self.supports_multi_opcode_jobs = client.supports_multi_opcode_jobs
        self.cluster_info = client.cluster_info
        self.query = client.query

    def submit(self, request: JobRequest) -> int | None:
        """See Client. Raises ClaimOver, and sends nothing, if the claim is about to expire."""
        if self._terms.clock() > self._until - MARGIN:
            raise ClaimOver(
                f"cannot submit {request}: this round's claim ends at {utc(self._until)}; run another round"
            )
        return self._client.submit(request)

    def cancel(self, job: int) -> str | None:
        """See Client. Raises ClaimOver as `submit` does."""
        if self._terms.clock() > self._until - MARGIN:
            raise ClaimOver(
                f"cannot cancel job {job}: this round's claim ends at {utc(self._until)}; run another round"
            )
        return self._client.cancel(job)

    def release(self) -> int | None:
        """Release the claim, after all writes. Returns the job that does it, or None if it can't be submitted: then the
        claim expires."""
        with suppress(AutorepairError):
            return _remove(self._client, [self._tag])
        return None


def acquire(client: Client, seen: Sequence[str], terms: RunContext) -> ClaimedClient:
    """Claim the cluster whose tags were `seen`, and return the client to write with.

    Raises Held if somebody else has claimed it, ClockWrong if this machine's clock is wrong, and another
    AutorepairError if the claim can't be set. The claim is then withdrawn.
    """
    _refuse_if_held(_others(seen, terms, ""))
    started = terms.clock()
    until = int(started) + LEASE
    tag = claim_tag(terms.holder, until)
    job = _set(client, tag)
    answered = terms.clock()
    try:
        if job is not None:
            check_clock(client, job, started, answered)
        tags = _wait_until_it_stands(client, tag, job, terms)
        if job is None:  # without its job the clock can't be checked, and the next round can claim again
            raise Held("this round's claim got no answer")
        tags = _wait_for_the_field(client, tag, tags, terms)
    except BaseException:
        _withdraw(client, tag, job)
        raise
    _clear_up(client, tags, terms.clock())
    return ClaimedClient(client, terms, tag, until)


def compare_clocks(client: Client, terms: RunContext) -> int | None:
    """Compare this machine's clock with the master's, before a time is written without a claim.

    Only a job reveals the master's time over every transport. So a claim is set that has already expired, and blocks
    nobody. Returns the job that removes it; raises ClockWrong, or another AutorepairError if it can't be set.
    """
    tag, sent = claim_tag(terms.holder, 0), terms.clock()
    try:
        job = client.submit(JobRequest("cluster", "", (Task(Operation.ADD_TAGS, tags=(tag,)),), reason=_REASON))
    except AnswerLost as error:
        raise AnswerLost(f"cannot compare clocks, so nothing was written; run it again: {error}") from error
    answered = terms.clock()
    try:
        if job is not None:
            check_clock(client, job, sent, answered)
    finally:
        removal = _withdraw(client, tag, job)
    return removal


def _set(client: Client, tag: str) -> int | None:
    """Set the claim and return its job; None if no answer came: the claim is then waited for, to be withdrawn."""
    task = Task(Operation.ADD_TAGS, tags=(tag,))
    try:
        return client.submit(JobRequest("cluster", "", (task,), reason=_REASON))
    except AnswerLost:
        return None


def _wait_until_it_stands(client: Client, tag: str, job: int | None, terms: RunContext) -> Sequence[str]:
    """The cluster's tags as soon as they include the claim `tag`."""
    end = terms.clock() + SET_SECONDS
    tags = wait_until(
        lambda tags: tag in tags,
        lambda: cluster_tags(client.cluster_info()),
        terms.sleep,
        lambda _waited: terms.clock() > end,
        growing(0.25),
    )
    if tag not in tags:
        raise _not_set(client, job)
    return tags


def _not_set(client: Client, job: int | None) -> ClusterError:
    """The error for a claim that was not set: Held if its job is still queued, as a later round may succeed."""
    said = f"this round's claim was not set within {SET_SECONDS} s"
    if job is None:
        return ClusterError(f"cannot claim the cluster: {said}, and no answer came to the request; run it again")
    found = query_jobs(client, [["=", "id", job]]).get(job)
    if found is None or found.unfinished:
        state = found.status if found else "gone"
        return Held(f"{said}: job {job} is {state}; to see what the job queue waits for: gnt-job list, gnt-debug locks")
    return ClusterError(
        f"cannot claim the cluster: job {job} ended as {found.status} ({found.error or 'no reason given'})"
    )


def _wait_for_the_field(client: Client, tag: str, tags: Sequence[str], terms: RunContext) -> Sequence[str]:
    """The cluster's tags as soon as they include no other claim.

    Of claims set at the same time, the first in sort order waits for the others to withdraw; a runner that sees one
    before its own withdraws at once.
    """
    end = terms.clock() + GIVE_WAY_SECONDS
    looks = chain([tags], (cluster_tags(client.cluster_info()) for _look in count()))

    def is_settled(tags: Sequence[str]) -> bool:
        others = _others(tags, terms, tag)
        gives_way = any(not isinstance(other, Claim) or other.tag < tag for other in others)
        return tag not in tags or not others or gives_way

    tags = wait_until(
        is_settled, lambda: next(looks), terms.sleep, lambda _waited: terms.clock() > end, lambda _waited: 0.5
    )
    if tag not in tags:
        raise Held("somebody has removed this round's claim; run another round")
    _refuse_if_held(_others(tags, terms, tag))
    return tags


def _others(tags: Iterable[str], terms: RunContext, own: str) -> Sequence[Claim | Malformed]:
    """The claims among `tags` that are in force, except `own`; one that can't be read is in force. An earlier claim
    that this runner could not release, or kept because of a lost answer, counts like anybody's.

    A claim that ends later than a correct clock could have set is not in force: before its first write, its holder
    finds out that its clock is wrong, or this runner does, if its own clock is the wrong one.
    """
    found = parse_tags(tags)
    claims: list[Claim | Malformed] = [tag for tag in found.malformed if tag.kind == "claim"]
    now = terms.clock()
    return claims + [tag for tag in found.claims if tag.tag != own and tag.until > now and not is_beyond(tag, now)]


def _refuse_if_held(others: Sequence[Claim | Malformed]) -> None:
    for other in others:
        if isinstance(other, Claim):
            raise Held(f"the cluster is claimed by {other.holder} until {utc(other.until)}")
        raise ClaimUnread(
            f"{other}; while it exists nobody knows who writes, so remove it: gnt-cluster remove-tags {other.tag}"
        )


def _withdraw(client: Client, tag: str, job: int | None) -> int | None:
    """Withdraw the claim, also if its job has not run yet; returns the job that does it."""
    with suppress(AutorepairError):  # it expires anyway
        return _remove(client, [tag], () if job is None else (job,))
    return None


def _clear_up(client: Client, tags: Iterable[str], now: float) -> None:
    """Remove expired claims of runners that died; if this fails, the next holder tries again. A claim from a wrong
    clock stays for a person to see."""
    over = [claim.tag for claim in parse_tags(tags).claims if claim.until <= now]
    if over:
        with suppress(AutorepairError):
            _remove(client, over)


def _remove(client: Client, tags: Iterable[str], after: tuple[int, ...] = ()) -> int | None:
    task = Task(Operation.REMOVE_TAGS, tags=tuple(tags))
    return client.submit(JobRequest("cluster", "", (task,), after, reason=_REASON))
