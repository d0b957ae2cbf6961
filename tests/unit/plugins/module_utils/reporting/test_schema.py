# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Schema: the types of facts and report name the same fields, of the same kinds, as what users are promised."""

from __future__ import annotations

import json
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting import schema as of_report

ROOT = Path(__file__).parents[5]
REPORT = json.loads((ROOT / "docs/report.schema.json").read_text())
JSON_TYPES = {str: "string", int: "integer", bool: "boolean", float: "number"}


def kinds(hint: Any) -> set[Any]:
    """The types that a type hint allows."""
    return set(typing.get_args(hint)) if isinstance(hint, types.UnionType) else {hint}


def resolved(node: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of the JSON schema, with its reference followed."""
    return REPORT["$defs"][node["$ref"].rpartition("/")[2]] if "$ref" in node else node


def types_of(node: Mapping[str, Any]) -> list[str]:
    """The types that one option of the JSON schema names, or those of its values."""
    if "type" in node:
        return [node["type"]] if isinstance(node["type"], str) else list(node["type"])
    values = [node["const"]] if "const" in node else node["enum"]
    return ["null" if value is None else JSON_TYPES[type(value)] for value in values]


def differences_to_json(hint: Any, node: Mapping[str, Any], where: str) -> list[str]:
    """Where a type hint and a part of the JSON schema differ."""
    node = resolved(node)
    options = [resolved(option) for option in node.get("anyOf", [node])]
    given = {name for option in options for name in types_of(option)}
    found: list[str] = []
    expected = set()
    for kind in kinds(hint):
        origin = typing.get_origin(kind)
        if kind is type(None):
            expected.add("null")
        elif typing.is_typeddict(kind):
            expected.add("object")
            (of_object,) = [option for option in options if "object" in option.get("type", ())]
            fields, promised = typing.get_type_hints(kind), of_object["properties"]
            found += [f"{where}.{name}: only on one side" for name in sorted(fields.keys() ^ promised.keys())]
            for name in sorted(fields.keys() & promised.keys()):
                found += differences_to_json(fields[name], promised[name], f"{where}.{name}")
        elif origin is dict:
            expected.add("object")
        elif origin is list:
            expected.add("array")
            (of_list,) = [option for option in options if "array" in option.get("type", ())]
            found += differences_to_json(typing.get_args(kind)[0], of_list["items"], f"{where}[]")
        else:
            expected.add(JSON_TYPES[kind])
    return found + [f"{where}: {sorted(expected)}, but {sorted(given)}"] * (expected != given)


def test_the_report_has_the_promised_shape() -> None:
    """The type checker holds the engine to the types, and this holds the types to docs/report.schema.json."""
    assert differences_to_json(of_report.Report, REPORT, "report") == []
