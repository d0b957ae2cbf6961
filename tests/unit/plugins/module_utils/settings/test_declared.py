# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declared: one declaration of an option gives its spec and its check."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

import pytest

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.declared import (
    choice_option,
    flag_option,
    names_option,
    number_option,
    parsed_options,
    specs_of,
)


class Taste(Enum):
    """What something is like."""

    SWEET = "sweet"
    SOUR = "sour"


@dataclass(frozen=True)
class Options:
    """Some options, and a field that is none."""

    many: int = number_option(3, "a number from 1", least=1)
    names: tuple[str, ...] = names_option()
    ripe: bool = flag_option(True)
    taste: Taste = choice_option(Taste.SOUR)  # noqa: RUF009
    added: str = ""


GIVEN = {"many": 1, "names": ["a"], "ripe": False, "taste": "sweet", "added": "x"}


def test_the_specs_are_those_of_ansible() -> None:
    """With the defaults of the fields."""
    assert specs_of(Options) == {
        "many": {"type": "int", "default": 3},
        "names": {"type": "list", "elements": "str", "default": []},
        "ripe": {"type": "bool", "default": True},
        "taste": {"type": "str", "choices": ["sweet", "sour"], "default": "sour"},
    }


def test_what_is_given_is_parsed() -> None:
    """Fields that are no options are left alone."""
    assert Options(**parsed_options(Options, GIVEN)) == Options(1, ("a",), False, Taste.SWEET)


def test_what_does_not_fit_is_refused() -> None:
    """With the option's name and what it takes."""
    with pytest.raises(BadOption, match="many is 0; it takes a number from 1"):
        parsed_options(Options, {**GIVEN, "many": 0})
