# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tag fields: the parts that tags are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable

NUMBER = re.compile(r"[0-9]{1,15}\Z")


def job_ids(text: str) -> tuple[int, ...]:
    """The ids of jobs that `text` has, joined by C(+)."""
    return tuple(int(job) for job in text.split("+")) if text else ()


def fit(length: int, head: str, jobs: Iterable[int]) -> str:
    """`head` and the ids of `jobs` in at most `length` characters; of too many jobs the newest ones are kept."""
    kept = [str(job) for job in jobs]
    while kept and len(head) + len("+".join(kept)) > length:
        del kept[0]
    return head + "+".join(kept)


def holder_name(text: str) -> str:
    """`text` as it can stand in a claim: what Ganeti takes in no tag is left out, and of too long a name the end kept,
    which tells holders apart."""
    return re.sub(r"[^a-zA-Z0-9._-]", "", text)[-64:] or "unnamed"
