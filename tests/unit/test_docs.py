# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages for people: every reason has its section, every name on them is real, every link leads somewhere."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml

from ansible_collections.ganeti.autorepair.plugins.module_utils.why import Why

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "plugins" / "module_utils"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")])
REASONS = (ROOT / "docs" / "why-it-did-not-repair.md").read_text()
FOLDERS = ("playbooks/*.yml", "roles/*/tasks/*.yml", "extensions/eda/rulebooks/*.yml")
READERS = sorted(path for folder in FOLDERS for path in ROOT.glob(folder))
NAME = re.compile(r"\bganeti_autorepair_\w+")

# A section: what the report says, what that means, what to do, and whether it passes by itself.
FORM = re.compile(r"\n\n```text\n.+?\n```\n\n\w.+\n\n\*\*Do:\*\* [\w`].+\n\n\*\*Passes by itself:\*\* (yes|no)\b", re.S)


def sections() -> dict[str, str]:
    """The text of each reason on the page, by its heading."""
    parts = re.split(r"^(?:### (.+)|## .+)$", REASONS, flags=re.M)
    return {name: text for name, text in zip(parts[1::2], parts[2::2], strict=True) if name}


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)


def anchors(page: Path) -> set[str]:
    """What a link can lead to within a page."""
    return {
        re.sub(r"[^\w -]", "", name).strip().lower().replace(" ", "-")
        for name in re.findall(r"^#+ (.+)$", prose(page), re.M)
    }


def test_every_reason_has_its_section() -> None:
    """In the order of the code; and there is no section for anything else."""
    assert list(sections()) == [why.value for why in Why]


@pytest.mark.parametrize("why", Why, ids=lambda why: why.value)
def test_a_section_says_what_to_do(why: Why) -> None:
    """Each has the same form, and is right about whether a run that waits waits for it."""
    text = sections()[why.value]
    found = FORM.match(text)
    assert found
    assert text.count("**Do:**") == text.count("**Passes by itself:**") == 1
    assert found[1] == ("yes" if why.passes else "no")


def test_every_reason_is_given() -> None:
    """No reason that is left over in the code is explained to people; one that is given is known."""
    trees = [ast.parse(path.read_text()) for path in ENGINE.glob("*.py") if path.name != "why.py"]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    given = {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "Why"}
    assert given == {why.name for why in Why}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_variable_exists(page: Path) -> None:
    """What is called ganeti_autorepair_... is an option of the role, or read by a playbook or a task, or a module."""
    specs = yaml.safe_load((ROOT / "roles" / "autorepair" / "meta" / "argument_specs.yml").read_text())
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
    read = {name for path in READERS for name in NAME.findall(path.read_text())}
    assert (
        set(NAME.findall(page.read_text())) - set(specs["argument_specs"]["main"]["options"]) - read - modules == set()
    )


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and there to a heading."""
    links = [link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in link]
    targets = [(page.parent / path if path else page, anchor) for path, _, anchor in links]
    assert [str(target) for target, _ in targets if not target.exists()] == []
    assert [anchor for target, anchor in targets if anchor and anchor not in anchors(target)] == []
