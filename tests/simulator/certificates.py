# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Certificates for the surface: one signed by an authority, and one like Ganeti's own default.

Ganeti's default is self-signed, X.509 version 1, RSA 2048, CN=ganeti.example.com, without any other name
(measured); clients can only trust it by its fingerprint.
"""

from __future__ import annotations

import hashlib
import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Certificate:
    """Where a server's certificate and key lie, and how a client can trust it."""

    chain: Path
    key: Path
    authority: Path
    fingerprint: str

    def context(self) -> ssl.SSLContext:
        """Return a context for a server: TLS 1.2 and 1.3, as Ganeti's."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.chain, self.key)
        return context


def signed(folder: Path, *names: str) -> Certificate:
    """Make, in a folder, a certificate for names and addresses, and the authority that signed it."""
    authority = trustme.CA()
    leaf = authority.issue_cert(*names)
    chain, key, ca = folder / "server.pem", folder / "server.key", folder / "ca.pem"
    leaf.private_key_pem.write_to_path(key)
    key.chmod(0o600)
    chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
    authority.cert_pem.write_to_path(ca)
    return Certificate(chain, key, ca, fingerprint_of(chain))


def like_ganeti(folder: Path) -> Certificate:
    """Make, in a folder, a certificate like the one that Ganeti makes for itself. Needs the openssl command."""
    chain, key, request = folder / "server.pem", folder / "server.key", folder / "server.csr"
    subject = "/CN=ganeti.example.com"
    new = ["openssl", "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", subject]
    subprocess.run([*new, "-keyout", str(key), "-out", str(request)], check=True, capture_output=True)
    key.chmod(0o600)
    known = subprocess.run(["openssl", "req", "-help"], check=True, capture_output=True, text=True)
    if "-x509v1" in known.stdout + known.stderr:  # OpenSSL 3.5 makes version 3 unless it is told
        sign = ["openssl", "req", "-x509", "-x509v1", "-config", "/dev/null", "-key", str(key), "-subj", subject]
    else:
        sign = ["openssl", "x509", "-req", "-in", str(request), "-signkey", str(key)]
    subprocess.run([*sign, "-days", "1825", "-sha256", "-out", str(chain)], check=True, capture_output=True)
    return Certificate(chain, key, chain, fingerprint_of(chain))


def fingerprint_of(chain: Path) -> str:
    """Return the SHA-256 fingerprint of the first certificate in a file, in capitals with colons."""
    pem = chain.read_text().split("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    digest = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    return ":".join(digest[i : i + 2] for i in range(0, len(digest), 2))


def signed_for_loopback(folder: Path) -> Certificate:
    """Make, in a folder, a certificate for this machine's own address."""
    return signed(folder, "127.0.0.1", "localhost")
