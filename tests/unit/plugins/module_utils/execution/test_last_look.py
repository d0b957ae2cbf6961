# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What another has done before the claim was taken is seen, and not done again."""

from __future__ import annotations

from dataclasses import replace

from unit.plugins.module_utils.builders import (
    OFFLINE,
    cluster,
    job,
    pending,
    rbd,
)
from unit.plugins.module_utils.execution.test_rounds import ALLOW, ROOM, SPARES, round_on
from unit.plugins.module_utils.fake import FakeClient


def test_what_another_did_before_the_claim_was_taken_is_not_done_again():
    """The plan is made anew under the claim."""

    class Overtaken(FakeClient):
        def submit(self, request):
            if not self.sent:
                one = rbd("web1", OFFLINE, pending(jobs="7")).instance
                done = job(7, "running", "FAILOVER")
                self.cluster = replace(self.cluster, instances=(one,), jobs={7: done})
            return super().submit(request)

    client = Overtaken(cluster(rbd("web1", OFFLINE), *SPARES, tags=ALLOW), room=ROOM)
    played = round_on(client)
    assert (client.writes, played.changed, played.trouble) == ([], False, None)
    assert [action.kind.value for _case, action in played.before.rows] == ["wait"]
