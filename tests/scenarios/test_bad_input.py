# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""What users get wrong, with a real cluster: one clear sentence, no traceback, and where it can be, others go on."""

from __future__ import annotations

import pytest

from lab import Settings
from lab.instances import Instance

from .conftest import Cluster

TAG = "ganeti:watcher:autorepair:"
NOBODY = Settings.from_environment().address(250)

BAD = [
    ("a wrong password", {"rapi_password": "wrong"}, "answered 401 (Unauthorized); check rapi_user and rapi_password"),
    ("a host that is down", {"rapi_host": NOBODY, "rapi_timeout": 2}, "check rapi_host"),
    ("a port without a listener", {"rapi_port": 1}, "Connection refused"),
    ("a name that does not resolve", {"rapi_host": "no-such-host.invalid"}, "does not resolve; check rapi_host"),
    ("a certificate signed by somebody unknown", {"rapi_ca_path": None}, "can't be trusted"),
    ("a CA file that is not there", {"rapi_ca_path": "/nonexistent.pem"}, "there is no file /nonexistent.pem"),
    ("an instance that does not exist", {"instances": ["nosuch"]}, "nothing in the cluster is called nosuch"),
    ("a group that does not exist", {"groups": ["rack9"]}, "nothing in the cluster is called rack9"),
    ("a number that is none", {"max_in_flight": "many"}, "max_in_flight"),
    ("a number below zero", {"max_in_flight": -1}, "max_in_flight is -1"),
    ("a socket that is not there", {"transport": "luxi", "luxi_socket": "/nonexistent"}, "no socket /nonexistent on"),
    ("a transport that is none", {"transport": "ssh"}, "transport"),
]


def test_sentences(used_cluster: Cluster) -> None:
    """Each ends the run before anything is written, with a sentence that says what was tried and what to do."""
    for case, changes, words in BAD:
        run = used_cluster.repair(**{**used_cluster.direct(), **changes})
        assert run.code != 0, case
        (message,) = run.messages
        assert words in message, case
        assert "Traceback" not in run.output, case


def test_one_bad_instance_and_one_good(cluster: Cluster) -> None:
    """A tag that can't be read keeps one instance as it is; the other is repaired. A read-only user changes nothing."""
    lab = cluster.lab
    bad = f"{TAG}pending:failover:an-id:yesterday:"
    lab.create_all([Instance("bad", "rbd", primary="node3", tags=(bad,)), Instance("good", "rbd", primary="node3")])
    lab.add_tags("cluster", "", TAG + "failover")
    lab.node_off("node3", offline=True)
    reader = {"rapi_user": lab.users["read"].name, "rapi_password": lab.users["read"].password}
    assert cluster.repair("--check", **reader).code == 0
    refused = cluster.repair(**reader)
    assert refused.code != 0
    assert "needs write access in Ganeti's rapi/users file" in refused.messages[0]
    assert [request.status for request in cluster.proxy.writes] == [403]

    runs = cluster.repair_until_quiet()
    assert runs[-1].instances["good"]["state"] == "healthy"
    assert runs[-1].instances["bad"]["next"] == "report"
    assert bad in runs[-1].instances["bad"]["reason"]
    assert lab.tags("instance", "bad") == [bad]


@pytest.mark.parametrize("pinned", [True, False], ids=["pinned", "not pinned"])
def test_the_certificate_that_ganeti_makes(used_cluster: Cluster, pinned: bool) -> None:
    """X.509 version 1, self-signed, without names: its fingerprint lets it be trusted, and nothing else does."""
    with used_cluster.lab.default_certificate() as fingerprint:
        options = used_cluster.direct(rapi_fingerprint=fingerprint if pinned else None)
        if pinned:
            del options["rapi_ca_path"]
        run = used_cluster.repair("--check", **{"rapi_ca_path": None, **options})
        assert (run.code == 0) is pinned, run.output
        if not pinned:
            assert "can't be trusted" in run.messages[0]
            assert "rapi_fingerprint" in run.messages[0]


def test_the_certificate_of_the_lab(used_cluster: Cluster) -> None:
    """One that a CA has signed for the cluster's address is verified."""
    run = used_cluster.repair("--check", **used_cluster.direct())
    assert run.code == 0, run.output
