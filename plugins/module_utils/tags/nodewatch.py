# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nodewatch: parsing `ganeti:watcher:nodewatch:...`, the tags about nodes (design, section 8).

What is permitted stands on a node, its group or the cluster. What is remembered of a node stands on the cluster: a tag
on the node would change its mtime, and wait for its lock. A tag that can't be read is never dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Callable, Union, get_args, get_type_hints

from ..errors import BadOption
from .fields import MAX_LENGTH, NODEWATCH, NUMBER
from .values import FOREVER, Malformed, Suspend


class NodePermission(IntEnum):
    """What a round may do about a node, from the least; each includes those before it."""

    RESTART = 1
    DRAIN = 2
    FENCE = 3
    FAILOVER_MASTER = 4

    @property
    def label(self) -> str:
        """The name used in tags: `restart`, ..., `failover-master`."""
        return self.name.lower().replace("_", "-")


class NodeStage(Enum):
    """How far a node's way from suspicion to its end has come; the values are the words in tags."""

    SUSPECT = "suspect"
    FENCING = "fencing"
    FENCED = "fenced"
    FAILED = "failed"
    PROBATION = "probation"


@dataclass(frozen=True)
class Permit:
    """A round may do what `level` names."""

    tag: str
    level: NodePermission


@dataclass(frozen=True)
class Readmit:
    """A round may bring a node back."""

    tag: str


@dataclass(frozen=True)
class Staged:
    """The node with the UUID `node` has come to `stage` at `time` (seconds since the epoch).

    `id` is its incident's, empty for a suspect. `word` is a suspect's verdict, by which method a node was fenced, or
    what failed; empty for other stages.
    """

    tag: str
    stage: NodeStage
    node: str
    time: int
    id: str = ""
    word: str = ""


def stage_tag(stage: NodeStage, node: str, incident: str, time: int, words: str = "") -> str:
    """The tag by which the cluster remembers that the node with the UUID `node` has come to `stage`. Of `words`, which
    people or programs give, characters that Ganeti does not allow in tags become underscores.

    Raises BadOption if they are too long for a tag: words of people are kept whole, or not at all.
    """
    word = re.sub(r"[^A-Za-z0-9.+*/@_-]", "_", words.strip())
    fields = (stage.value, node, incident, str(time), *([word] if words else []))
    tag = NODEWATCH + ":".join(fields)
    if len(tag) > MAX_LENGTH:
        takes = f"a tag has room for {len(word) - len(tag) + MAX_LENGTH} characters of it"
        raise BadOption(f"{words!r} has {len(words)} characters; {takes}; nothing was done")
    return tag


NodeTag = Union[Permit, Readmit, Suspend, Staged, Malformed]


@dataclass(frozen=True)
class NodeTags:
    """The tags about nodes of one object, sorted by kind."""

    permits: tuple[Permit, ...] = ()
    readmits: tuple[Readmit, ...] = ()
    suspends: tuple[Suspend, ...] = ()
    stages: tuple[Staged, ...] = ()
    malformed: tuple[Malformed, ...] = ()

    @property
    def unread_limits(self) -> tuple[Malformed, ...]:
        """Those that can't be read, and may be meant as a limit."""
        return tuple(tag for tag in self.malformed if tag.kind not in _STAGES)


UNREAD = NodeTags(malformed=(Malformed("", "permit", "the cluster did not give the tags"),))  # of an object without any
_KINDS = {name: get_args(hint)[0] for name, hint in get_type_hints(NodeTags).items()}
_LEVELS = {level.label: level for level in NodePermission}
_STAGES = {stage.value: stage for stage in NodeStage}
_OTHERS = ("behind", "fences", "breaker")  # remembered as well, but not about one node's way


def parse_node_tags(texts: Iterable[str]) -> NodeTags:
    """The nodewatch tags among `texts`, parsed; all others are ignored."""
    words = [(text, text[len(NODEWATCH) :]) for text in sorted(texts) if text.startswith(NODEWATCH)]
    parsed = [_parse(text, word) for text, word in words if word.partition(":")[0] not in _OTHERS]
    return NodeTags(**{name: tuple(tag for tag in parsed if isinstance(tag, kind)) for name, kind in _KINDS.items()})


def _parse(text: str, words: str) -> NodeTag:
    word, _colon, rest = words.partition(":")
    if words in _LEVELS:
        return Permit(text, _LEVELS[words])
    if words == "readmit":
        return Readmit(text)
    if word == "suspend":
        return _suspend(text, rest)
    stage = _STAGES.get(word)
    if stage:
        return _FORMS[stage](text, stage, rest.split(":"))
    return Malformed(text, "permit", f"{words or 'nothing'} is none of {', '.join([*_LEVELS, 'readmit', 'suspend'])}")


def _suspend(text: str, until: str) -> NodeTag:
    if until and not NUMBER.match(until):
        return Malformed(text, "suspend", f"{until} is not a timestamp in seconds")
    return Suspend(text, float(until) if until else FOREVER)


def _suspect(text: str, stage: NodeStage, fields: list[str]) -> NodeTag:
    if len(fields) != 3 or not all(fields) or not NUMBER.match(fields[1]):
        return Malformed(text, stage.value, "it needs the UUID of a node, a timestamp in seconds and a verdict")
    return Staged(text, stage, fields[0], int(fields[1]), word=fields[2])


def _incident(text: str, stage: NodeStage, fields: list[str]) -> NodeTag:
    if len(fields) != 3 or not all(fields) or not NUMBER.match(fields[2]):
        return Malformed(text, stage.value, "it needs the UUID of a node, the incident's id and a timestamp in seconds")
    return Staged(text, stage, fields[0], int(fields[2]), fields[1])


def _incident_with_word(text: str, stage: NodeStage, fields: list[str]) -> NodeTag:
    if len(fields) != 4 or not all(fields) or not NUMBER.match(fields[2]):
        wanted = "the UUID of a node, the incident's id, a timestamp in seconds and a word"
        return Malformed(text, stage.value, f"it needs {wanted}")
    return Staged(text, stage, fields[0], int(fields[2]), fields[1], fields[3])


_FORMS: Mapping[NodeStage, Callable[[str, NodeStage, list[str]], NodeTag]] = {
    NodeStage.SUSPECT: _suspect,
    NodeStage.FENCING: _incident,
    NodeStage.FENCED: _incident_with_word,
    NodeStage.FAILED: _incident_with_word,
    NodeStage.PROBATION: _incident,
}
