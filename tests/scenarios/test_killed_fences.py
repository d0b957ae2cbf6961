# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""A fence on real Ganeti that is killed before and after each thing that it writes, and begun anew."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

from lab import network
from playbook import end_step, start_step

from .conftest import Cluster
from .proxy import BEFORE, SENT
from .test_a_person_fences import is_offline, remembered
from .test_killed_runner import Killer
from .test_silent_nodes import looked

NODE_STEP = "ganeti.autorepair.ganeti_autorepair_node_step"
CLAIM = "ganeti:watcher:autorepair:claim:"
BEGUN = (1, 2)  # the claim; the tag which says that it begins
ENDED = (1, 2, 3, 2)  # the claim; the proof; the mark, once that is renewed; the tags that go


class Fence:
    """What the playbook writes about node5 once others have looked at it, killed again and again."""

    def __init__(self, cluster: Cluster, observed: dict[str, Any]) -> None:
        """Take what was observed a moment ago."""
        self.cluster = cluster
        self._observed, self._begun = observed, time.time()

    def observations(self) -> dict[str, Any]:
        """What was observed, as it is observed again now: nobody has had an answer from the node since."""
        late = time.time() - self._begun
        return {**self._observed, "looks": [{**look, "time": look["time"] + late} for look in self._observed["looks"]]}

    def start(self, transport: str, **given: object) -> Any:
        """A runner that carries the wish out, over this transport."""
        self.cluster.transport = transport
        wish = {"observations": self.observations(), "fence": ["node5"], "looks": 2, **given}
        return start_step(self.cluster.options(**wish), NODE_STEP)

    def killed(self, write: int, phase: str, transport: str, **given: object) -> bool:
        """Whether a runner came as far as this phase of its n-th write; it was killed there. Its claim is taken away,
        as by a person who knows that it is dead."""
        lab, runner = self.cluster.lab, self.start(transport, **given)
        self.cluster.proxy.watcher = killer = Killer(runner, write, phase)
        _output, trouble = runner.communicate()
        self.cluster.proxy.watcher = lambda _phase: True
        assert killer.struck or not runner.returncode, trouble
        lab.wait_jobs()
        if is_offline(self.cluster, "node5"):
            assert not lab.node("node5").is_on() and ["fenced", "fence_agent"] in remembered(self.cluster)
        claims = [tag for tag in lab.tags("cluster", "") if tag.startswith(CLAIM)]
        if claims:
            lab.remove_tags("cluster", "", *claims)
        return killer.struck

    def killed_at(self, writes: Iterable[int], transports: tuple[str, str], **given: object) -> None:
        """Kill a runner before each of these writes, and one after it, each over a transport of its own."""
        for point in product(writes, zip((BEFORE, SENT), transports, strict=True)):
            write, (phase, transport) = point
            assert self.killed(write, phase, transport, **given), point


def test_killed_at_each_write(cluster: Cluster, tmp_path: Path) -> None:
    """It is never marked without proof, and nothing is done twice."""
    lab = cluster.lab
    network.unplug(lab.node("node5").cable)
    _run, facts = looked(cluster, tmp_path, "rapi", looks=2)
    fence = Fence(cluster, facts["observations"])
    fence.killed_at(BEGUN, ("rapi", "luxi"))
    assert remembered(cluster) == [["fencing"]] and not is_offline(cluster, "node5")
    lab.node("node5").switch_off()
    proofs = [{"node": lab.node("node5").full_name, "method": "fence_agent", "proven": True}]
    fence.killed_at(ENDED, ("luxi", "rapi"), fenced=proofs)
    assert not end_step(fence.start("rapi", fenced=proofs))["changed"]
    assert remembered(cluster) == [["fenced", "fence_agent"]] and is_offline(cluster, "node5")
    marks = [job for job in lab.jobs() if "NODE_SET_PARAMS" in str(job.summary)]
    assert [job.status for job in marks] == ["success"], marks
