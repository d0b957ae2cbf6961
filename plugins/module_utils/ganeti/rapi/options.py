# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a RAPI is, who asks, and how it is trusted (design, section 6)."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass

from ...errors import BadOption

_BRACKETS = re.compile(r"\[([0-9A-Fa-f:.]+)\]\Z")  # of an IPv6 address, as it stands in a URL


@dataclass(frozen=True)
class RapiOptions:
    """Where a RAPI is, who asks, and how it is trusted.

    `fingerprint` is the SHA-256 of the server's certificate in hex; it takes the place of `ca_path` and needs no name
    in the certificate. `timeout` is in seconds, for each answer.
    """

    host: str
    port: int = 5080
    user: str | None = None
    password: str | None = None
    ca_path: str | None = None
    fingerprint: str | None = None
    validate_certs: bool = True
    timeout: float = 30

    @property
    def pin(self) -> str | None:
        """The fingerprint as plain digits, or None."""
        return self.fingerprint.replace(":", "").lower() if self.fingerprint else None

    @property
    def verifies(self) -> bool:
        """Whether the certificate has to be signed by somebody who is trusted, for the host's name."""
        return self.validate_certs and not self.pin

    @property
    def url(self) -> str:
        """The address as it stands in messages; an IPv6 address has brackets there, whether it was given with them."""
        host = _BRACKETS.sub(r"\1", self.host)
        return f"https://{f'[{host}]' if ':' in host else host}:{self.port}"


def check(options: RapiOptions) -> None:
    """Refuse what can't be meant before anything is sent."""
    if not re.match(r"[^\s/@?#%\\[\]]+\Z", _BRACKETS.sub(r"\1", options.host)):
        raise BadOption(f"rapi_host is {options.host!r}; it takes the name or the address of a host, not a URL")
    if options.user and not options.password:
        raise BadOption(f"rapi_password is empty, but rapi_user is {options.user}; set it, or GANETI_RAPI_PASSWORD")
    if options.fingerprint and not re.match(r"[0-9a-f]{64}\Z", options.pin or ""):
        digits = "the SHA-256 of a certificate has 64 hexadecimal digits"
        raise BadOption(f"rapi_fingerprint is {options.fingerprint}; {digits}")
    if options.ca_path and not options.pin and not os.path.exists(options.ca_path):
        raise BadOption(f"rapi_ca_path: there is no file {options.ca_path}")
