# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A job request says in words what it is about."""

from __future__ import annotations

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation

ADD, FAILOVER = Task(Operation.ADD_TAGS, tags=("a",)), Task(Operation.FAILOVER)
WORDS = [
    (JobRequest("instance", "web1", (FAILOVER,)), "failover of instance web1"),
    (JobRequest("instance", "web1", (ADD, FAILOVER), (7,), "why"), "add-tags, failover of instance web1"),
    (JobRequest("group", "rack2", (ADD,)), "add-tags of group rack2"),
    (JobRequest("cluster", "", (ADD,)), "add-tags of cluster"),
]


@pytest.mark.parametrize(("request_", "words"), WORDS, ids=[words for _, words in WORDS])
def test_words(request_: JobRequest, words: str) -> None:
    """They stand in messages, after what could not be done."""
    assert str(request_) == words
