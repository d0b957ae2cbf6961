# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What RAPI's answers and its silence mean: the kind of error decides whether a write may have been carried out."""

from __future__ import annotations

import json
import socket
import ssl
from types import SimpleNamespace

import pytest
import requests

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    AutorepairError,
    Forbidden,
    NotFound,
    QueueDrained,
    RequestRefused,
    TlsError,
    Unauthorized,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.errors import (
    connection_error,
    error_from_response,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.rapi.options import RapiOptions

OPTIONS = RapiOptions("cluster", user="lab")
ANSWERS = [  # status, Ganeti's words, what a read and a write are told
    (401, "Unauthorized", Unauthorized, Unauthorized, "check rapi_user and rapi_password"),
    (403, "Forbidden", Forbidden, Forbidden, "the user lab needs"),
    (404, "Not found", NotFound, NotFound, "cannot try: https://cluster:5080 answered 404 (Not found)"),
    (500, "Queue drained", QueueDrained, QueueDrained, "gnt-cluster queue undrain"),
    (500, "a &lt;bug&gt;", RequestRefused, RequestRefused, "answered 500 (a <bug>)"),
    (502, "Bad Gateway", Unreachable, AnswerLost, "answered 502 (Bad Gateway)"),
    (504, "Timeout", Unreachable, AnswerLost, "answered 504 (Timeout)"),
    (400, "no such field", RequestRefused, RequestRefused, "answered 400 (no such field)"),
]
SILENCE = [
    ("no such name", socket.gaierror(-2, "Name or service not known"), Unreachable, Unreachable, "does not resolve"),
    ("nobody listens", requests.ConnectTimeout("no one"), Unreachable, Unreachable, "did not answer in time"),
    ("no answer in time", requests.ReadTimeout("slow"), Unreachable, AnswerLost, "https://cluster:5080"),
    ("it broke off", ConnectionResetError(104, "reset by peer"), Unreachable, AnswerLost, "reset by peer"),
    ("a certificate of nobody's", ssl.SSLError("certificate verify failed"), TlsError, TlsError, "can't be trusted"),
    ("TLS broke", ssl.SSLError("unexpected eof"), TlsError, AnswerLost, "unexpected eof"),
]


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize(("status", "said", "read_kind", "write_kind", "words"), ANSWERS)
def test_an_answer_that_says_no(
    status: int, said: str, read_kind: type, write_kind: type, words: str, write: bool
) -> None:
    """Behind a gateway that got no answer, a write may have been carried out."""
    answer = SimpleNamespace(status_code=status, content=json.dumps({"message": said}).encode(), reason="")
    error = error_from_response(answer, OPTIONS, "try", write)
    assert type(error) is (write_kind if write else read_kind)
    assert words in str(error)


@pytest.mark.parametrize("content", [b"", b"<html>", b"[]", b'{"code": 500}'])
def test_an_answer_without_ganeti_s_words(content: bytes) -> None:
    """The status line has to do."""
    answer = SimpleNamespace(status_code=500, content=content, reason="Internal Server Error")
    assert "answered 500 (Internal Server Error)" in str(error_from_response(answer, OPTIONS, "try", write=False))


@pytest.mark.parametrize("write", [False, True], ids=["read", "write"])
@pytest.mark.parametrize(
    ("cause", "read_kind", "write_kind", "words"), [row[1:] for row in SILENCE], ids=[row[0] for row in SILENCE]
)
def test_no_answer(cause: Exception, read_kind: type, write_kind: type, words: str, write: bool) -> None:
    """What was certainly not sent is no lost answer; the cause may stand behind others."""
    outer = requests.ConnectionError("noise") if not isinstance(cause, requests.RequestException) else cause
    if outer is not cause:
        outer.__cause__ = cause
    error: AutorepairError = connection_error(outer, OPTIONS, "try", write)
    assert type(error) is (write_kind if write else read_kind)
    assert str(error).startswith("cannot try: ") and words in str(error)
