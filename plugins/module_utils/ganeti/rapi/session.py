# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Session: HTTPS requests to RAPI: TLS trust, retries and latency (Ganeti facts, (d) and (e))."""

from __future__ import annotations

import os
import socket
import ssl
from typing import Any

from ...errors import BadOption
from .errors import GIVEN_UP
from .options import RapiOptions

try:
    import requests
    from requests.adapters import HTTPAdapter
    from requests.auth import HTTPBasicAuth
    from requests.utils import DEFAULT_CA_BUNDLE_PATH
    from urllib3 import disable_warnings
    from urllib3.connection import HTTPSConnection
    from urllib3.connectionpool import HTTPSConnectionPool
    from urllib3.exceptions import InsecureRequestWarning
    from urllib3.util.retry import Retry
    from urllib3.util.ssl_ import create_urllib3_context

    REQUESTS_PROBLEM: ImportError | None = None
except ImportError as problem:
    REQUESTS_PROBLEM = problem
    HTTPAdapter = HTTPSConnection = HTTPSConnectionPool = object  # type: ignore[assignment, misc]


def build_tls_trust(options: RapiOptions) -> ssl.SSLContext:
    """Build the TLS trust settings once: RAPI closes every connection, and reloading all CA certificates is slow."""
    context = create_urllib3_context()  # has the host's name checked, by itself or, before urllib3 2, by urllib3
    if not options.verifies:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        disable_warnings(InsecureRequestWarning)  # the user has asked for it
        return context
    context.verify_mode = ssl.CERT_REQUIRED
    if options.ca_path:  # many private CAs lack the key usage extension, which Python 3.13 rejects
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    path = options.ca_path or DEFAULT_CA_BUNDLE_PATH
    try:
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    except OSError as error:  # an SSLError is one, too
        raise BadOption(f"rapi_ca_path: {path} contains no readable certificates ({error})") from error
    return context


def build_session(options: RapiOptions, trusted: ssl.SSLContext, again: int) -> requests.Session:
    """A session that retries a request `again` times if the connection fails, with growing pauses; twice at most if a
    connection breaks, and once if RAPI gets no answer from the daemon behind it.

    It ignores the environment: a proxy, which could see the password unless the cluster's certificate is pinned, and
    the passwords in a netrc file.
    """
    made = requests.Session()
    made.trust_env = False
    if options.user:
        made.auth = HTTPBasicAuth(options.user.encode(), (options.password or "").encode())
    retry = Retry(
        total=again,
        read=min(again, 2),
        status=min(again, 1),
        status_forcelist=GIVEN_UP,
        raise_on_status=False,
        other=0,
        redirect=0,
        backoff_factor=0.5,
        allowed_methods={"GET", "PUT"},
    )
    made.mount("https://", _Adapter(trusted, options.pin, retry if again else 0))
    return made


class _Adapter(HTTPAdapter):
    """Transport adapter that verifies the server with `trusted`, or pins its certificate to the fingerprint `pin`."""

    def __init__(self, trusted: ssl.SSLContext, pin: str | None, max_retries: Any) -> None:
        self._trusted = trusted
        self._pin = pin
        super().__init__(max_retries=max_retries)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """See HTTPAdapter."""
        kwargs.update(ssl_context=self._trusted, **({"assert_fingerprint": self._pin} if self._pin else {}))
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"https": _Pool}

    def cert_verify(self, *_: Any, **__: Any) -> None:
        """See HTTPAdapter, which would load the certificates of public CAs again for every connection."""

    def get_connection_with_tls_context(self, request: Any, *_: Any, **__: Any) -> Any:
        """See HTTPAdapter; some versions would replace our TLS context with their own."""
        return self.poolmanager.connection_from_url(request.url)

    _get_connection = get_connection_with_tls_context  # its name in requests 2.32.0 and 2.32.1

    def get_connection(self, url: Any, *_: Any, **__: Any) -> Any:
        """See HTTPAdapter: its name before requests 2.32."""
        return self.poolmanager.connection_from_url(url)


class _Connection(HTTPSConnection):
    """Connection that acknowledges each part of an answer at once.

    RAPI sends the head and the body of a short answer separately, the body only after the head was acknowledged; Linux
    delays that acknowledgement by 40 ms (measured: 14 ms instead of 52 for the nodes).
    """

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        """See HTTPSConnection."""
        if self.sock is not None and hasattr(socket, "TCP_QUICKACK"):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().getresponse(*args, **kwargs)


class _Pool(HTTPSConnectionPool):
    """Connection pool that creates `_Connection` objects."""

    ConnectionCls = _Connection
