# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An option is declared once, in settings.limits or arguments; modules, their documentation and the role follow it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ganeti.autorepair.plugins.doc_fragments import cluster, round
from ansible_collections.ganeti.autorepair.plugins.module_utils.arguments import CONNECTION
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.limits import LIMIT_SPECS
from ansible_collections.ganeti.autorepair.plugins.module_utils.settings.node_options import NODE_SPECS
from ansible_collections.ganeti.autorepair.plugins.modules import ganeti_autorepair_node_facts

ROOT = Path(__file__).parents[2]
SPECS = yaml.safe_load((ROOT / "roles" / "autorepair" / "meta" / "argument_specs.yml").read_text())
ROLE = SPECS["argument_specs"]["main"]["options"]
SPECS_OF_NODES = yaml.safe_load((ROOT / "roles" / "nodes" / "meta" / "argument_specs.yml").read_text())
ROLE_OF_NODES = SPECS_OF_NODES["argument_specs"]["main"]["options"]
FRAGMENT = yaml.safe_load(round.ModuleDocFragment.DOCUMENTATION)["options"]
OF_CLUSTER = yaml.safe_load(cluster.ModuleDocFragment.DOCUMENTATION)["options"]
VARIABLES = yaml.safe_load((ROOT / "roles" / "autorepair" / "vars" / "main.yml").read_text())
OF_RUNS = {"windows", "accept_behind"}  # the role takes these raw: from a survey they come as text
KEYS = ("type", "elements", "choices", "default", "required")


def declared(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What an argument spec, or documentation, says of an option besides words."""
    return {key: entry[key] for key in KEYS if key in entry}


@pytest.mark.parametrize("name", LIMIT_SPECS)
def test_the_documentation_of_modules_has_it(name: str) -> None:
    """With its type, its choices and its default."""
    assert declared(FRAGMENT[name]) == declared(LIMIT_SPECS[name])


@pytest.mark.parametrize("name", LIMIT_SPECS)
def test_the_role_takes_it(name: str) -> None:
    """With its type and its choices; the defaults are the modules'."""
    of_role = declared(ROLE[f"ganeti_autorepair_{name}"])
    wanted = {key: value for key, value in declared(LIMIT_SPECS[name]).items() if key != "default"}
    assert of_role == wanted or name in OF_RUNS


@pytest.mark.parametrize("name", NODE_SPECS)
def test_the_documentation_of_looks_at_nodes_has_it(name: str) -> None:
    """With its type and its default."""
    documented = yaml.safe_load(ganeti_autorepair_node_facts.DOCUMENTATION)["options"]
    assert declared(documented[name]) == declared(NODE_SPECS[name])


@pytest.mark.parametrize("name", [*NODE_SPECS, *CONNECTION])
def test_the_role_that_looks_at_nodes_takes_it(name: str) -> None:
    """With its type and its choices; the defaults are the module's."""
    spec = NODE_SPECS.get(name) or CONNECTION[name]
    wanted = {key: value for key, value in declared(spec).items() if key != "default"}
    assert declared(ROLE_OF_NODES[f"ganeti_autorepair_{name}"]) == wanted


def test_nothing_is_documented_that_is_not_declared() -> None:
    """A name that was given up would stay there."""
    assert set(FRAGMENT) - {"from_variables"} == set(LIMIT_SPECS)


@pytest.mark.parametrize("name", CONNECTION)
def test_an_option_of_the_connection_is_documented_and_handed_on(name: str) -> None:
    """By the modules and by the role, which hands it to the modules that set tags."""
    variable = f"ganeti_autorepair_{name}"
    assert declared(OF_CLUSTER[name]) == declared(CONNECTION[name])
    assert declared(ROLE[variable])["type"] == CONNECTION[name]["type"]
    assert f"'{name}': {variable} | default(omit)" in VARIABLES["autorepair_connection"]
