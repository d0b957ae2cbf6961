# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sentences about jobs as such: tags, reason trail, dependencies, locks, cancellation, archive, a drained queue."""

from __future__ import annotations

from contract.sentence import JOB, Act, Ask, Finish, Submit, instance, jobs, look, query, sentence, tag

ID = ["id", "status"]
NEW = {"mode": "replace_new_secondary"}
OF_TWO = ["|", ["=", "id", JOB[0]], ["=", "id", JOB[1]]]


def set_tag(text: str, body: object = None, query_part: str = "") -> Ask:
    """Return a request to set a tag on the cluster."""
    return Ask("PUT", f"/2/tags?tag={text}{query_part}", body)


def delete_tag(text: str, body: object = None) -> Ask:
    """Return a request to delete a tag of the cluster."""
    return Ask("DELETE", f"/2/tags?tag={text}", body)


OBJECTS = ("/2/instances/plain/tags", "/2/groups/rack2/tags", "/2/nodes/node4/tags", "/2/tags")
UNKNOWN = ("/2/instances/nosuch/tags", "/2/groups/nosuch/tags", "/2/nodes/nosuch/tags")
LONGEST = "x" * 128

TAGS = [
    sentence(
        "tags can be set on all kinds of objects",
        jobs(*(Ask("PUT", f"{path}?tag=a%3Ab&tag=z") for path in OBJECTS)),
        *(Ask("GET", path) for path in OBJECTS),
    ),
    sentence("to set a tag again is no error", jobs(tag("plain", "z"))),
    sentence(
        "tags can be deleted",
        jobs(*(Ask("DELETE", f"{path}?tag=a%3Ab") for path in OBJECTS)),
        *(Ask("GET", path) for path in OBJECTS),
    ),
    sentence(
        "to delete a tag that is not set fails, and deletes nothing",
        jobs(*(Ask("DELETE", f"{path}?tag=z&tag=unset") for path in OBJECTS)),
        *(Ask("GET", path) for path in OBJECTS),
    ),
    sentence("tags of an unknown object: a job that fails", jobs(*(Ask("PUT", f"{p}?tag=x") for p in UNKNOWN))),
    sentence(
        "how long a tag may be, and of what",
        jobs(set_tag(LONGEST), set_tag(LONGEST + "x"), set_tag("a%20b"), set_tag("a*+/:@-_.b")),
    ),
    sentence("no tag at all is a job too", jobs(Ask("PUT", "/2/tags"), set_tag(""), set_tag("one&tag=&tag=two"))),
    sentence("dry-run of a tag", jobs(set_tag("dry", None, "&dry-run=1")), Ask("GET", "/2/tags")),
    sentence(
        "of a tag's body only depends counts",
        jobs(set_tag("body", {"tags": ["x"], "zork": 1, "priority": 5, "comment": "x"}), set_tag("body", [1])),
    ),
    sentence(
        "the reason stands in the trail, the first one of two",
        jobs(
            set_tag("why", None, "&reason=because%20of%20%3Cb%3E&reason=second"),
            tag("plain", "why&reason=x"),
            Ask("PUT", "/2/groups/default/tags?tag=why&reason=x"),
        ),
    ),
]
DEPENDENCIES = [
    sentence(
        "a job that depends on a failed one",
        jobs(
            delete_tag("never"),
            set_tag("d1", {"depends": [[JOB[0], ["success"]]]}),
            set_tag("d2", {"depends": [[JOB[0], ["error"]]]}),
            set_tag("d3", {"depends": [[JOB[0], []]]}),
            set_tag("d4", {"depends": [[JOB[0], ["canceled"]]]}),
            set_tag("d5", {"depends": [[JOB[1], ["success", "error"]]]}),
            set_tag("d6", {"depends": [[JOB[0], ["error"]], [JOB[1], ["success"]]]}),
            set_tag("d7", {"depends": []}),
        ),
    ),
    sentence("a job that depends on an unknown one", jobs(set_tag("d", {"depends": [[888888, ["success"]]]}))),
    sentence(
        "an archived job still answers, to its id only",
        jobs(delete_tag("never"), set_tag("after")),
        Act("archive", (JOB[0],)),
        Ask("GET", f"/2/jobs/{JOB[0]}"),
        query("job", ID, ["=", "id", JOB[0]]),
        query("job", ID, ["&", [">=", "id", JOB[0]], ["<=", "id", JOB[0]]]),
        query("job", [*ID, "archived"], ["&", [">=", "id", JOB[0]], ["<=", "id", JOB[0]]]),
        jobs(
            set_tag("after", {"depends": [[JOB[0], ["error"]]]}),
            set_tag("after", {"depends": [[JOB[0], ["success"]]]}),
        ),
    ),
    sentence(
        "filters of jobs",
        jobs(set_tag("filtered"), delete_tag("never")),
        *(
            query("job", [*ID, "summary", "opresult", "opstatus"], ["&", OF_TWO, part])
            for part in (
                ["=", "status", "error"],
                ["!=", "status", "error"],
                ["=~", "status", "^succ"],
                ["=[]", "summary", "TAGS_SET"],
                ["=[]", "opstatus", "error"],
                ["|", ["=", "id", JOB[0]], ["=", "id", 999999]],
            )
        ),
    ),
]
RELATIVE = [
    sentence(
        "a dependency may count back from the newest job",
        jobs(delete_tag("never"), set_tag("d", {"depends": [[-1, ["error"]]]})),
    ),
    sentence(
        "an archived job is not in lists",
        jobs(delete_tag("never"), set_tag("after")),
        Act("archive", (JOB[0],)),
        query("job", ID, [">=", "id", JOB[0]]),
        query("job", [*ID, "archived"], [">=", "id", JOB[0]]),
    ),
]
HOLD = instance("locked", "replace-disks", {**NEW, "remote_node": "node1"})
LOCKS = [
    sentence(
        "a running job holds its instance; what is queued can be canceled, what runs can't",
        Submit(HOLD, started=True),
        Submit(tag("locked", "w1")),
        Submit(tag("locked", "w2", {"depends": [[JOB[0], ["success"]]]})),
        Submit(set_tag("w3", {"depends": [[JOB[2], ["success"]]]})),
        Submit(set_tag("w4", {"depends": [[JOB[2], ["success"]]]})),
        Submit(set_tag("w5", {"depends": [[JOB[4], ["success"]]]})),
        Submit(set_tag("w6", {"depends": [[JOB[4], ["canceled"]]]})),
        Submit(set_tag("w7", {"depends": [[JOB[4], []]]}), started=False),
        Ask("DELETE", f"/2/jobs/{JOB[4]}"),
        Ask("DELETE", f"/2/jobs/{JOB[4]}"),
        Ask("DELETE", f"/2/jobs/{JOB[0]}"),
        Finish(),
        Ask("DELETE", f"/2/jobs/{JOB[0]}"),
        look("locked"),
    ),
]
DRAIN = [
    sentence(
        "a drained queue refuses jobs with 500, and nothing else",
        Act("drain_queue", (True,)),
        set_tag("x"),
        Ask("POST", "/2/instances/plain/reinstall"),
        Ask("GET", "/2/tags"),
        Ask("DELETE", "/2/jobs/999999"),
        Act("drain_queue", (False,)),
    ),
]
APART = [*TAGS, *DEPENDENCIES, *LOCKS]
ALONE = [*RELATIVE, *DRAIN]
