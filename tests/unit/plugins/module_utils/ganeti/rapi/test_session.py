# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How RAPI is asked: certificates are read once, and each part of an answer is acknowledged at once."""

from __future__ import annotations

import socket
import ssl
import subprocess
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from urllib3.connection import HTTPSConnection
from urllib3.util.ssl_ import create_urllib3_context

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi import session as rapi_session
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.options import RapiOptions
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.session import (
    _Connection,
    build_session,
    build_tls_trust,
)
from simulator import certificates

PIN = "ab" * 32


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate, and the authority that has signed it."""
    return certificates.signed(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.mark.parametrize(
    ("more", "verifies"),
    [({}, True), ({"fingerprint": PIN}, False), ({"validate_certs": False}, False)],
    ids=["signed", "pinned", "anybody"],
)
def test_whom_to_believe(certificate, more, verifies):
    """Who is signed for the host's name; with a fingerprint the name and the signature are not asked for."""
    context = build_tls_trust(RapiOptions("localhost", ca_path=str(certificate.authority), **more))
    assert context.verify_mode is (ssl.CERT_REQUIRED if verifies else ssl.CERT_NONE)
    assert verifies or not context.check_hostname
    assert len(context.get_ca_certs()) == (1 if verifies else 0)  # and none of the public authorities


def test_all_connections_go_by_the_same_trust(certificate):
    """It is read once; nothing that requests would trust by itself is added."""
    options = RapiOptions("localhost", ca_path=str(certificate.authority))
    context = build_tls_trust(options)
    adapter: Any = build_session(options, context, 0).get_adapter("https://localhost:1")
    urls = [f"https://localhost:{port}/" for port in (1, 2)]
    pools = [adapter.get_connection_with_tls_context(SimpleNamespace(url=url), verify=True) for url in urls]
    for pool in [*pools, *map(adapter.get_connection, urls)]:
        adapter.cert_verify(pool, "https://localhost/", True, None)
        assert (pool.conn_kw["ssl_context"] is context, pool.ca_certs, pool.ConnectionCls) == (True, None, _Connection)


@pytest.fixture(scope="module")
def plain_authority(tmp_path_factory):
    """A certificate whose authority says nothing of what its key is for, as many a private one."""
    folder = tmp_path_factory.mktemp("plain")
    (folder / "names").write_text("subjectAltName=DNS:localhost")
    (folder / "config").write_text(
        "[req]\ndistinguished_name=dn\nx509_extensions=ca\n[dn]\n[ca]\nbasicConstraints=CA:TRUE\n"
    )
    new = "openssl req -new -newkey rsa:2048 -nodes -config config"
    for command in (
        f"{new} -x509 -days 2 -subj /CN=ours -keyout ca.key -out ca.pem",
        f"{new} -subj /CN=localhost -keyout server.key -out server.csr",
        "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -set_serial 2 -extfile names -out server.pem",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return certificates.Certificate(folder / "server.pem", folder / "server.key", folder / "ca.pem", "")


def shake_hands(client, server):
    """Let two contexts agree, without a network."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    one = client.wrap_bio(back, there, server_hostname="localhost")
    other = server.wrap_bio(there, back, server_side=True)
    for end in (one, other, one, other):
        with suppress(ssl.SSLWantReadError):
            end.do_handshake()
    return one.version()


@pytest.mark.parametrize("named", [True, False], ids=["named by the user", "public authorities"])
def test_a_private_authority_is_believed_where_the_user_named_it(monkeypatch, plain_authority, named):
    """Python 3.13 is strict by itself; the public authorities keep the rules."""

    def strict():
        context = create_urllib3_context()
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(rapi_session, "create_urllib3_context", strict)
    if not named:
        monkeypatch.setattr(rapi_session, "DEFAULT_CA_BUNDLE_PATH", str(plain_authority.authority))
    context = build_tls_trust(RapiOptions("localhost", ca_path=str(plain_authority.authority) if named else None))
    context.check_hostname = True
    if named:
        assert shake_hands(context, plain_authority.context())
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(context, plain_authority.context())


def test_certificates_that_can_not_be_read(tmp_path):
    """Said before anything is sent."""
    with pytest.raises(BadOption, match="rapi_ca_path: /dev/null contains no readable certificates"):
        build_tls_trust(RapiOptions("localhost", ca_path="/dev/null"))


def test_a_pin_goes_to_every_connection():
    """By urllib3, which closes the connection before anything is sent."""
    options = RapiOptions("localhost", fingerprint=PIN)
    adapter: Any = build_session(options, build_tls_trust(options), 0).get_adapter("https://localhost:1")
    assert adapter.poolmanager.connection_from_url("https://localhost:1/").assert_fingerprint == PIN


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux can be told when to acknowledge")
def test_an_answer_is_acknowledged_at_once(monkeypatch):
    """When the request was sent, and before the answer is read."""
    done: list[Any] = []

    class Socket:
        def setsockopt(self, *option):
            done.append(option)

    monkeypatch.setattr(HTTPSConnection, "getresponse", lambda self: done.append("answer"))
    connection = _Connection("localhost")
    connection.sock = Socket()
    connection.getresponse()
    assert done == [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1), "answer"]
