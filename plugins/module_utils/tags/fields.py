# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fields: the parts of tags, and functions that build the tags to write."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..ganeti.model import RepairType

PREFIX = "ganeti:watcher:autorepair:"
NODEWATCH = "ganeti:watcher:nodewatch:"
BEHIND = NODEWATCH + "behind:"
ACCEPTS = "accept-behind-"  # begins the id of a repair for which somebody has accepted a copy that is behind
MAX_LENGTH = 128  # Ganeti refuses longer tags
NUMBER = re.compile(r"[0-9]{1,15}\Z")


def job_ids(text: str) -> tuple[int, ...]:
    """The job ids in `text`, where they are joined by `+`."""
    return tuple(int(job) for job in text.split("+")) if text else ()


def fit(length: int, head: str, jobs: Iterable[int]) -> str:
    """`head` and the ids of `jobs` in at most `length` characters; of too many jobs the newest ones are kept."""
    kept = [str(job) for job in jobs]
    while kept and len(head) + len("+".join(kept)) > length:
        del kept[0]
    return head + "+".join(kept)


def holder_name(text: str) -> str:
    """`text` in a form that is valid in a claim: without characters that Ganeti does not allow in tags; of a name that
    is too long the end is kept, which distinguishes holders."""
    return re.sub(r"[^a-zA-Z0-9._-]", "", text)[-64:] or "unnamed"


def pending_tag(kind: RepairType, repair_id: str, timestamp: int, jobs: Iterable[int]) -> str:
    """The tag of a repair in progress; if there are too many jobs, the newest are kept."""
    return fit(MAX_LENGTH, f"{PREFIX}pending:{kind.label}:{repair_id}:{timestamp}:", jobs)


def result_tag(kind: RepairType, repair_id: str, timestamp: int, result: str, jobs: Iterable[int]) -> str:
    """The tag of a repair that ended; if there are too many jobs, the newest are kept."""
    return fit(MAX_LENGTH, f"{PREFIX}result:{kind.label}:{repair_id}:{timestamp}:{result}:", jobs)


def accepting(repair_id: str) -> str:
    """The id of a repair for which somebody has accepted a copy that is behind; short, for the jobs beside it."""
    return ACCEPTS + repair_id[-12:]


def claim_tag(holder: str, until: int) -> str:
    """The tag by which `holder` claims the cluster."""
    return f"{PREFIX}claim:{holder_name(holder)}:{until}"


def breaker_tag(until: int | None = None) -> str:
    """The tag that records on the cluster or a group that its breaker has tripped: for now, or until a time."""
    return f"{PREFIX}breaker" + ("" if until is None else f":{until}")


def behind_tag(node: str, since: float) -> str:
    """The tag that records on an instance that its copy on the node with the UUID `node` lacks the newest data."""
    return f"{BEHIND}{node}:{int(since)}"
