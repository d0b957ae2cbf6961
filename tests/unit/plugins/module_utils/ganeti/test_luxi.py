# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""LUXI: what goes over the socket, and what becomes of every way in which it can go wrong (Ganeti facts, (g))."""

from __future__ import annotations

import json
import shutil
import socket
import tempfile
import threading
from pathlib import Path

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import (
    AnswerLost,
    AutorepairError,
    BadAnswer,
    BadOption,
    ClusterError,
    Forbidden,
    QueueDrained,
    RequestRefused,
    Unreachable,
)
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.job_request import JobRequest, Task
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.luxi import END, LuxiClient, _no_connection
from ansible_collections.ganeti.autorepair.plugins.module_utils.ganeti.operations import Operation

FAILOVER = JobRequest("instance", "web1", (Task(Operation.FAILOVER),), after=(7,), reason="ganeti.autorepair:r1")
NAMES = [[[0, "web1"]], [[0, "web2"]]]


def said(result, success=True):
    """An answer as Ganeti gives it."""
    return json.dumps({"success": success, "result": result}).encode() + END


class Master:
    """A LUXI server that gives each connection the next of `answers`, in pieces; None: it hangs until the end."""

    def __init__(self, path):
        self.path = str(path)
        self.answers = []
        self.asked = []
        self.over = threading.Event()
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(self.path)
        self.server.listen()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            connection, _address = self.server.accept()
            with connection:
                if self.over.is_set():
                    return
                self._answer(connection)

    def _answer(self, connection):
        text = b""
        while not text.endswith(END):
            chunk = connection.recv(1 << 16)
            if not chunk:
                return
            text += chunk
        self.asked.append(json.loads(text[:-1]))
        answer = self.answers.pop(0)
        if answer is None:
            self.over.wait(5)
            return
        for piece in answer if isinstance(answer, list) else [answer]:
            connection.sendall(piece)

    def close(self):
        """Stop serving."""
        self.over.set()
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self.path)
        self.thread.join(5)
        self.server.close()


@pytest.fixture
def folder():
    """A folder whose name is short enough for a socket's."""
    path = Path(tempfile.mkdtemp(prefix="luxi"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def master(folder):
    """A master that answers."""
    one = Master(folder / "socket")
    yield one
    one.close()


def _query(client):
    return client.query("instance", ("name",), ["=", "name", "web1"])


# --- what is sent and read ------------------------------------------------------------------------------------------


def test_a_query(master):
    """Resource, fields and filter go as they are; rows come as status and value."""
    master.answers = [said({"data": NAMES, "fields": []})] * 2
    client = LuxiClient(master.path)
    assert _query(client) == [((0, "web1"),), ((0, "web2"),)]
    client.query("node", ("name",))
    assert master.asked == [
        {"method": "Query", "args": ["instance", ["name"], ["=", "name", "web1"]]},
        {"method": "Query", "args": ["node", ["name"], None]},
    ]


@pytest.mark.parametrize(
    ("values", "drained", "paused"), [([False, None], False, 0), ([True, 1800000000], True, 1800000000)], ids=str
)
def test_the_cluster_with_what_only_luxi_can_tell(master, values, drained, paused):
    """Whether the queue is drained, and until when the watcher pauses (0: it does not)."""
    master.answers = [said({"name": "c", "tags": ["a"]}), said(values)]
    info = LuxiClient(master.path).cluster_info()
    assert info == {"name": "c", "tags": ["a"], "queue_drained": drained, "watcher_paused_until": paused}
    assert [one["method"] for one in master.asked] == ["QueryClusterInfo", "QueryConfigValues"]
    assert master.asked[1]["args"] == [["drain_flag", "watcher_pause"]]


def test_a_job_is_submitted_by_its_opcodes(master):
    """One request, whose answer is the job's id."""
    master.answers = [said(4711)]
    assert LuxiClient(master.path).submit(FAILOVER) == 4711
    ((opcode,),) = master.asked[0]["args"]
    assert (master.asked[0]["method"], opcode["OP_ID"], opcode["depends"]) == (
        "SubmitJob", "OP_INSTANCE_FAILOVER", [[7, ["success"]]],
    )  # fmt: skip


def test_jobs_can_hold_several_tasks():
    """So the engine joins them."""
    assert LuxiClient("/x").supports_multi_opcode_jobs


def test_a_big_answer_comes_in_pieces(master):
    """Also in pieces of one byte, and also one that is larger than any buffer."""
    names = [[[0, f"web{number}"]] for number in range(60_000)]
    small, big = said({"data": NAMES}), said({"data": names})
    master.answers = [
        [small[at : at + 1] for at in range(len(small))],
        [big[at : at + 999] for at in range(0, len(big), 999)],
    ]
    client = LuxiClient(master.path)
    assert len(_query(client)) == 2
    assert _query(client)[-1] == ((0, "web59999"),)


def test_letters_beyond_ascii_come_whole(master):
    """In whatever pieces."""
    text = json.dumps({"success": True, "result": {"data": [[[0, "wéb"]]]}}, ensure_ascii=False).encode() + END
    master.answers = [[text[:-9], text[-9:]]]
    assert _query(LuxiClient(master.path)) == [((0, "wéb"),)]


# --- no connection --------------------------------------------------------------------------------------------------

CALLS = [("query", _query), ("submit", lambda client: client.submit(FAILOVER)), ("info", LuxiClient.cluster_info)]


@pytest.mark.parametrize("call", [row[1] for row in CALLS], ids=[row[0] for row in CALLS])
def test_a_socket_that_is_not_there(folder, call):
    """This is not the master, or Ganeti is not running; nothing was sent, so a write is not lost either."""
    with pytest.raises(
        Unreachable, match=f"there is no socket {folder}/none on .*only available on the master node"
    ) as caught:
        call(LuxiClient(f"{folder}/none"))
    assert not isinstance(caught.value, AnswerLost)


@pytest.mark.parametrize("call", [row[1] for row in CALLS], ids=[row[0] for row in CALLS])
def test_a_socket_that_nobody_listens_on(folder, call):
    """Left behind by a daemon that is gone."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(f"{folder}/left")
    with pytest.raises(Unreachable, match=r"nothing answers on .* \(Connection refused\).*ganeti-luxid"):
        call(LuxiClient(f"{folder}/left"))


def test_a_file_that_is_no_socket(folder):
    """The path is wrong."""
    (folder / "file").write_text("")
    with pytest.raises(Unreachable, match="nothing answers on"):
        _query(LuxiClient(f"{folder}/file"))


def test_a_socket_that_the_user_may_not_use():
    """What to do about it is said; root may use any, so the error is made by hand."""
    error = _no_connection(PermissionError(13, "Permission denied"), "/s", "query instances")
    assert isinstance(error, Forbidden)
    assert "cannot query instances: the user" in str(error)
    assert "become" in str(error)


def test_a_socket_that_takes_no_connection_in_time():
    """A full backlog."""
    error = _no_connection(BlockingIOError(11, "Resource temporarily unavailable"), "/s", "query instances")
    assert isinstance(error, Unreachable)
    assert "accepted no connection in time" in str(error)


def test_a_path_that_is_too_long_for_a_socket():
    """It is the caller's error, not a crash."""
    with pytest.raises(AutorepairError):
        _query(LuxiClient("/" + "x" * 200))


@pytest.mark.parametrize("path", ["", "socket", "./socket", "~/socket"])
def test_a_path_that_is_not_absolute(path):
    """It is refused before anything is sent."""
    with pytest.raises(BadOption, match="luxi_socket"):
        LuxiClient(path)


# --- no answer ------------------------------------------------------------------------------------------------------

CUT = [("at once", b""), ("half-way", b'{"success": true, "resu'), ("before the end", said({"data": NAMES})[:-1])]


@pytest.mark.parametrize("piece", [row[1] for row in CUT], ids=[row[0] for row in CUT])
def test_a_read_whose_connection_is_closed_is_tried_three_times(master, piece):
    """Reading twice harms nothing."""
    master.answers = [piece] * 3
    with pytest.raises(Unreachable, match="gave no answer \\(the connection was closed half-way\\)"):
        _query(LuxiClient(master.path))
    assert len(master.asked) == 3


def test_a_read_that_succeeds_the_third_time(master):
    """A daemon that is being restarted."""
    master.answers = [b"", b"", said({"data": NAMES})]
    assert len(_query(LuxiClient(master.path))) == 2


@pytest.mark.parametrize("piece", [row[1] for row in CUT], ids=[row[0] for row in CUT])
def test_a_write_whose_connection_is_closed_is_lost_and_sent_once(master, piece):
    """Nobody knows whether it was carried out (law 2)."""
    master.answers = [piece] * 3
    with pytest.raises(AnswerLost, match=r"cannot submit failover of instance web1: it was sent to .*no answer came"):
        LuxiClient(master.path).submit(FAILOVER)
    assert len(master.asked) == 1


def test_a_read_without_an_answer_in_time(master):
    """A master that hangs."""
    master.answers = [None] * 3
    with pytest.raises(Unreachable, match="no answer in time"):
        _query(LuxiClient(master.path, timeout=0.05))


def test_a_write_without_an_answer_in_time(master):
    """It may have been carried out."""
    master.answers = [None]
    with pytest.raises(AnswerLost, match="no answer in time"):
        LuxiClient(master.path, timeout=0.05).submit(FAILOVER)
    assert len(master.asked) == 1


# --- nonsense and refusals ------------------------------------------------------------------------------------------

GARBAGE = [
    b"nonsense" + END,
    END,
    b"[]" + END,
    b'{"success": true}' + END,
    b'{"result": 5}' + END,
    b"\xff\xfe" + END,
    b"5" + END,
]


@pytest.mark.parametrize("text", GARBAGE, ids=repr)
def test_an_answer_that_can_not_be_read(master, text):
    """Of a read: a bad answer; of a write: nobody knows what became of it."""
    master.answers = [text, text]
    with pytest.raises(BadAnswer, match="can't be read"):
        _query(LuxiClient(master.path))
    with pytest.raises(AnswerLost, match="can't be read"):
        LuxiClient(master.path).submit(FAILOVER)
    assert len(master.asked) == 2


@pytest.mark.parametrize(
    "result",
    [None, 5, [], {}, {"data": 5}, {"data": [5]}, {"data": [[]]}, {"data": [[[0, 1], [0, 1]]]}, {"data": [[5]]}],
)
def test_an_answer_that_is_no_table(master, result):
    """One that was asked for so many fields."""
    master.answers = [said(result)]
    with pytest.raises(BadAnswer, match=r"cannot query instances: LUXI at .* did not send a table with 1 fields"):
        _query(LuxiClient(master.path))


@pytest.mark.parametrize(("info", "values"), [(5, [False, None]), ({}, None), ({}, [False]), (None, [])])
def test_the_cluster_s_data_that_is_none(master, info, values):
    """Nothing can go on without it."""
    master.answers = [said(info), said(values)]
    with pytest.raises(BadAnswer, match="cannot read the cluster's data"):
        LuxiClient(master.path).cluster_info()


@pytest.mark.parametrize("result", [None, "7", True, [7], {}])
def test_a_job_id_that_is_none(master, result):
    """It was taken, but nobody knows as what."""
    master.answers = [said(result)]
    with pytest.raises(AnswerLost, match="cannot tell whether failover of instance web1 was submitted"):
        LuxiClient(master.path).submit(FAILOVER)


REFUSALS = [
    (
        "class and words",
        ["OpPrereqError", ["Unknown field", "wrong_input"]],
        RequestRefused,
        "OpPrereqError: Unknown field",
    ),
    ("words alone", "Failed to parse request: x", RequestRefused, "answered Failed to parse request: x"),
    ("a drained queue", ["JobQueueDrainError", ["Job queue is drained, refusing job"]], QueueDrained, "undrain"),
    ("no words", ["JobQueueFull", []], RequestRefused, "JobQueueFull"),
    ("nothing", None, RequestRefused, "answered None"),
    ("a list of something else", [1, 2, 3], RequestRefused, "[1, 2, 3]"),
]


@pytest.mark.parametrize("call", [row[1] for row in CALLS], ids=[row[0] for row in CALLS])
@pytest.mark.parametrize(("result", "kind", "words"), [row[1:] for row in REFUSALS], ids=[row[0] for row in REFUSALS])
def test_an_answer_that_says_no(master, result, kind, words, call):
    """Nothing was done; it is not tried again."""
    master.answers = [said(result, success=False)]
    with pytest.raises(AutorepairError) as caught:
        call(LuxiClient(master.path))
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert f"LUXI at {master.path}" in str(caught.value)
    assert len(master.asked) == 1


def test_a_drained_queue_is_an_error_of_the_whole_cluster():
    """As over RAPI."""
    assert issubclass(QueueDrained, ClusterError)


@pytest.mark.parametrize("success", [None, 0, "true", 1])
def test_success_is_true_and_nothing_else(master, success):
    """Fail closed."""
    master.answers = [said(7, success=success)]
    with pytest.raises(RequestRefused):
        LuxiClient(master.path).submit(FAILOVER)


def test_several_calls_have_a_connection_each(master):
    """What was lost with one is that call's answer and no other's."""
    master.answers = [said({"data": NAMES}), b"", said({"data": NAMES})]
    client = LuxiClient(master.path)
    assert len(_query(client)) == 2
    with pytest.raises(AnswerLost):
        client.submit(FAILOVER)
    assert len(_query(client)) == 2
    assert len(master.asked) == 3
