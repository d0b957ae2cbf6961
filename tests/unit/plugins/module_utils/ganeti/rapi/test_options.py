# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a RAPI is, who asks, and how it is trusted: what can't be meant is refused before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.options import RapiOptions, check

PIN = "ab" * 32
REFUSED = [
    ("a URL", {"host": "https://cluster.example.com"}, "rapi_host is 'https://cluster.example.com'"),
    ("nothing", {"host": ""}, "rapi_host is ''"),
    ("a percent sign", {"host": "local%68ost"}, "rapi_host is 'local%68ost'"),
    ("half a bracket", {"host": "[::1"}, "rapi_host is '[::1'"),
    ("brackets around a name", {"host": "[localhost]"}, "rapi_host is '[localhost]'"),
    ("no password", {"user": "lab", "password": ""}, "rapi_password is empty, but rapi_user is lab"),
    ("a short fingerprint", {"fingerprint": "ab:cd"}, "64 hexadecimal digits"),
    ("a CA file that is not there", {"ca_path": "/nonexistent.pem"}, "there is no file /nonexistent.pem"),
]
TAKEN: list[tuple[str, dict[str, Any]]] = [
    ("a name", {}),
    ("an address of IPv6", {"host": "::1"}),
    ("the same in brackets", {"host": "[::1]"}),
    ("a fingerprint with colons", {"fingerprint": ":".join(["AB"] * 32)}),
    ("a CA file that is not needed", {"fingerprint": PIN, "ca_path": "/nonexistent.pem"}),
    ("nobody", {"user": None, "password": None}),
]
URLS = [("cluster", "https://cluster:5080"), ("::1", "https://[::1]:5080"), ("[::1]", "https://[::1]:5080")]


def options(**changes: Any) -> RapiOptions:
    """Return options that can be meant, but for these changes."""
    return RapiOptions(**{"host": "cluster.example.com", **changes})


@pytest.mark.parametrize(("changes", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_can_not_be_meant(changes: dict[str, Any], words: str) -> None:
    """The option stands in the words."""
    with pytest.raises(BadOption) as caught:
        check(options(**changes))
    assert words in str(caught.value)


@pytest.mark.parametrize("changes", [row[1] for row in TAKEN], ids=[row[0] for row in TAKEN])
def test_what_can_be_meant(changes: dict[str, Any]) -> None:
    """It is not refused."""
    check(options(**changes))


@pytest.mark.parametrize(("host", "url"), URLS)
def test_the_address_in_messages(host: str, url: str) -> None:
    """An IPv6 address has brackets there."""
    assert options(host=host).url == url


def test_a_pin_takes_the_place_of_the_signature() -> None:
    """It is compared as plain digits."""
    pinned = options(fingerprint=":".join(["AB"] * 32))
    assert (pinned.pin, pinned.verifies) == (PIN, False)
    assert options().verifies and not options(validate_certs=False).verifies
