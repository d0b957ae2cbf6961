# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How RAPI is asked over HTTPS: whom to believe, what to try again, and no time lost (Ganeti facts, (d) and (e))."""

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


def trust(options: RapiOptions) -> ssl.SSLContext:
    """Whom to believe, read once: RAPI closes each connection, and a new one would read all the certificates again."""
    context = create_urllib3_context()  # has the host's name checked, by itself or, before urllib3 2, by urllib3
    if not options.verifies:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        disable_warnings(InsecureRequestWarning)  # the user has asked for it
        return context
    context.verify_mode = ssl.CERT_REQUIRED
    if options.ca_path:  # many a private authority does not say what its key is for, which Python 3.13 takes amiss
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    path = options.ca_path or DEFAULT_CA_BUNDLE_PATH
    try:
        context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
    except OSError as error:  # an SSLError is one, too
        raise BadOption(f"rapi_ca_path: {path} holds no certificates that can be read ({error})") from error
    return context


def session(options: RapiOptions, trusted: ssl.SSLContext, again: int) -> requests.Session:
    """A session that tries a request again so often while no connection comes about, with growing pauses; and twice at
    most where a connection breaks, or where the RAPI finds nobody behind it.

    It takes nothing from the environment: neither a proxy, which would see the password if it were not the cluster that
    is pinned, nor a password of somebody's netrc.
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
    """An adapter that believes whom C(trusted) believes; or, given a fingerprint C(pin), the one it belongs to."""

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
        """See HTTPAdapter; it would have every connection read certificates, and those of public authorities, too."""

    def get_connection_with_tls_context(self, request: Any, *_: Any, **__: Any) -> Any:
        """See HTTPAdapter; versions of it put a context of their own in the place of this one."""
        return self.poolmanager.connection_from_url(request.url)

    _get_connection = get_connection_with_tls_context  # its name in requests 2.32.0 and 2.32.1

    def get_connection(self, url: Any, *_: Any, **__: Any) -> Any:
        """See HTTPAdapter: its name before requests 2.32."""
        return self.poolmanager.connection_from_url(url)


class _Connection(HTTPSConnection):
    """A connection that acknowledges each part of an answer at once.

    RAPI sends head and body of a short answer apart, the second when the first was acknowledged; Linux puts that off
    for 40 ms (measured: 14 ms in place of 52 for the nodes).
    """

    def getresponse(self, *args: Any, **kwargs: Any) -> Any:
        """See HTTPSConnection."""
        if self.sock is not None and hasattr(socket, "TCP_QUICKACK"):
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return super().getresponse(*args, **kwargs)


class _Pool(HTTPSConnectionPool):
    """A pool of these."""

    ConnectionCls = _Connection
