# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each module is documented to be in the action groups that it is in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ganeti.autorepair.plugins.doc_fragments.attributes import ModuleDocFragment

ROOT = Path(__file__).parents[4]
GROUPS: dict[str, list[str]] = yaml.safe_load((ROOT / "meta/runtime.yml").read_text())["action_groups"]
FRAGMENT = "ganeti.autorepair.attributes."


def documented(module: Path) -> set[str]:
    """Return the action groups that a module's documentation names."""
    text = module.read_text().partition('r"""')[2].partition('"""')[0]
    found: dict[str, Any] = {}
    for name in yaml.safe_load(text).get("extends_documentation_fragment", []):
        if name.startswith(FRAGMENT):
            variant = getattr(ModuleDocFragment, name.removeprefix(FRAGMENT).upper())
            found |= yaml.safe_load(variant)["attributes"]
    return set(found["action_group"]["membership"]) if "action_group" in found else set()


@pytest.mark.parametrize("module", sorted(ROOT.glob("plugins/modules/*.py")), ids=lambda path: path.stem)
def test_action_groups(module: Path) -> None:
    """As meta/runtime.yml has them."""
    assert documented(module) == {f"ganeti.autorepair.{name}" for name in GROUPS if module.stem in GROUPS[name]}
