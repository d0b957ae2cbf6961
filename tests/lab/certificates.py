# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's certificate authority, and the RAPI certificate that it signs."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import tempfile
from pathlib import Path

from .settings import Settings
from .shell import run

# A configuration of our own, so that nothing depends on the machine's openssl.cnf.
OPENSSL_CONFIGURATION = """\
[req]
distinguished_name = name
prompt = no
[name]
[authority]
basicConstraints = critical, CA:true
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:false
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth
subjectAltName = IP:{address}, DNS:{name}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""
DAYS = "3650"


def ca_file(settings: Settings) -> Path:
    """Return where the CA's certificate is."""
    return settings.certificate_dir / "ca.pem"


def signed_file(settings: Settings) -> Path:
    """Return where the RAPI's key and certificate are, in one file as Ganeti wants them."""
    return settings.certificate_dir / "rapi-signed.pem"


def default_file(settings: Settings) -> Path:
    """Return where the key and certificate are kept that Ganeti made for itself."""
    return settings.certificate_dir / "rapi-default.pem"


def make(settings: Settings) -> None:
    """Make the CA and the RAPI certificate, unless they are there."""
    if signed_file(settings).exists():
        return
    settings.certificate_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=settings.certificate_dir) as name:
        folder = Path(name)
        configuration = OPENSSL_CONFIGURATION.format(address=settings.cluster_address, name=settings.cluster_name)
        (folder / "openssl.cnf").write_text(configuration)
        _issue(folder, "ca", "authority", "/CN=Certificate authority of the Ganeti lab")
        authority = ("-CA", folder / "ca.pem", "-CAkey", folder / "ca.key")
        _issue(folder, "rapi", "server", f"/CN={settings.cluster_name}", *authority)
        both = folder / "both.pem"
        both.write_text((folder / "rapi.key").read_text() + (folder / "rapi.pem").read_text())
        both.chmod(0o600)
        shutil.move(folder / "ca.pem", ca_file(settings))
        shutil.move(both, signed_file(settings))  # last: that it is there says that all is done


def _issue(folder: Path, name: str, section: str, subject: str, *more: str | Path) -> None:
    command: list[str | Path] = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", DAYS]
    command += ["-config", folder / "openssl.cnf", "-extensions", section, "-subj", subject]
    command += ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.pem", *more]
    run(command)


def fingerprint(pem: Path) -> str:
    """Return the SHA-256 fingerprint of the certificate in a file, as 64 hexadecimal digits."""
    text = pem.read_text()
    begin = text.index(ssl.PEM_HEADER)
    certificate = text[begin : text.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest()
