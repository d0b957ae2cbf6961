# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pages for people: every reason has its section, every name on them is real, every link leads somewhere."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.ganeti.autorepair.plugins.module_utils.repair.reasons import Reason

ROOT = Path(__file__).parents[2]
ENGINE = ROOT / "plugins" / "module_utils"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")])
REASONS = (ROOT / "docs" / "why-it-did-not-repair.md").read_text()
FOLDERS = ("playbooks/*.yml", "roles/*/tasks/*.yml", "roles/*/vars/*.yml", "extensions/eda/rulebooks/*.yml")
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
    assert list(sections()) == [why.value for why in Reason]


@pytest.mark.parametrize("why", Reason, ids=lambda why: why.value)
def test_a_section_says_what_to_do(why: Reason) -> None:
    """Each has the same form, and is right about whether a run that waits waits for it."""
    text = sections()[why.value]
    found = FORM.match(text)
    assert found
    assert text.count("**Do:**") == text.count("**Passes by itself:**") == 1
    assert found[1] == ("yes" if why.resolves_itself else "no")


def test_every_reason_is_given() -> None:
    """No reason that is left over in the code is explained to people; one that is given is known."""
    trees = [ast.parse(path.read_text()) for path in ENGINE.rglob("*.py") if path.name != "reasons.py"]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute)]
    given = {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "Reason"}
    assert given == {why.name for why in Reason}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_variable_exists(page: Path) -> None:
    """What is called ganeti_autorepair_... is an option of a role, or read by a playbook or a task, or a module."""
    options = role_options("autorepair") | role_options("nodes")
    modules = {path.stem for path in (ROOT / "plugins" / "modules").glob("*.py")}
    read = {name for path in READERS for name in NAME.findall(path.read_text())}
    assert set(NAME.findall(page.read_text())) - options - read - modules == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """To a file of the repository, and there to a heading."""
    links = [link.partition("#") for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)) if "://" not in link]
    targets = [(page.parent / path if path else page, anchor) for path, _, anchor in links]
    assert [str(target) for target, _ in targets if not target.exists()] == []
    assert [anchor for target, anchor in targets if anchor and anchor not in anchors(target)] == []


# --- examples -------------------------------------------------------------------------------------------------------

TASKS = ROOT / "roles" / "autorepair" / "tasks"
OURS = re.compile(r"ganeti_autorepair_|schedule_")
COMMAND = re.compile(r"ansible-playbook\b.*?\bganeti\.autorepair\.(\w+)(.*)")
EVERYWHERE = {"ganeti_autorepair_clusters", "ganeti_autorepair_transport"}  # read by every playbook itself


def commands(page: Path) -> list[tuple[str, list[str]]]:
    """The commands on a page that play a playbook of ours: its name, and the variables that are given to it."""
    text = page.read_text().replace("\\\n", " ")
    return [(name, re.findall(r"\b(ganeti_autorepair_\w+)\"?[=:]", rest)) for name, rest in COMMAND.findall(text)]


def read_by(playbook: str) -> set[str]:
    """The variables that a playbook, or what it plays of its roles, reads."""
    text = (ROOT / "playbooks" / f"{playbook}.yml").read_text()
    played = re.findall(r"name: ganeti\.autorepair\.(\w+)\n(?: +tasks_from: (\w+)\n)?", text)
    assert played
    found = set(NAME.findall(text)) | EVERYWHERE
    for role, file in played:
        found |= read_by_role(ROOT / "roles" / role, file or "main", text)
    return found


def read_by_role(role: Path, file: str, text: str) -> set[str]:
    """The variables that a file of a role's tasks, and what it includes, reads; `text` is the playbook's."""
    files = [file]
    for name in files:  # grows on the way
        tasks = (role / "tasks" / f"{name}.yml").read_text()
        text += tasks
        files += [one for one in re.findall(r"(?:_tasks: |')(\w+)\.yml\b", tasks) if one not in files]
    variables = yaml.safe_load((role / "vars" / "main.yml").read_text())
    used = [str(variables[name]) for name in variables if re.search(rf"\b{name}\b", text)]
    module = "ganeti_autorepair_node_facts" if role.name == "nodes" else "ganeti_autorepair_step"
    taken = {f"ganeti_autorepair_{option}" for option in documented(module)}
    found = set(NAME.findall(" ".join([text, *used])))
    return found | taken if "from_variables: true" in text else found


def examples(page: Path) -> list[Any]:
    """The blocks of YAML on a page, read."""
    blocks = re.findall(r"^( *)```yaml\n(.*?)^\1```$", page.read_text(), re.M | re.S)
    return [yaml.safe_load(re.sub(r"!(unsafe|vault)\b", "", textwrap.dedent(block))) for _, block in blocks]


def mappings(node: Any) -> Iterator[Mapping[str, Any]]:
    """Every mapping in what was read, the outer ones first."""
    if isinstance(node, Mapping):
        yield node
    for one in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        yield from mappings(one)


def documented(module: str) -> set[str]:
    """The options of a module of ours, those of its fragments included."""
    folder = ROOT / "plugins"
    names, files = set(), [folder / "modules" / f"{module}.py"]
    for file in files:  # grows on the way
        for text in re.findall(r'^ *DOCUMENTATION = r?"""\n(.*?)"""', file.read_text(), re.M | re.S):
            page = yaml.safe_load(textwrap.dedent(text))
            names |= set(page.get("options", {}))
            fragments = [name.split(".")[2] for name in page.get("extends_documentation_fragment", ())]
            files += [folder / "doc_fragments" / f"{name}.py" for name in fragments]
    return names


def role_options(role: str) -> set[str]:
    """The variables of a role of ours; of autorepair also those of the tasks that it ships to fence nodes."""
    specs = yaml.safe_load((ROOT / "roles" / role / "meta" / "argument_specs.yml").read_text())
    fences = {name for path in TASKS.glob("fence_*.yml") for name in NAME.findall(path.read_text())}
    options = {name for entry in specs["argument_specs"].values() for name in entry["options"]}
    return options | fences if role == "autorepair" else options


def unknown(task: Mapping[str, Any]) -> set[str]:
    """What a task, or a role of a play, gives to something of ours that does not take it."""
    wrong: set[str] = set()
    for name, given in task.items():
        if ours := re.fullmatch(r"ganeti\.autorepair\.(ganeti_autorepair_\w+)", name):
            wrong |= set(given) - documented(ours[1])
    include = task.get("ansible.builtin.include_role", task.get("ansible.builtin.import_role", task))
    if role := re.fullmatch(r"ganeti\.autorepair\.(\w+)", str(include.get("role", include.get("name", "")))):
        wrong |= {name for name in (*task, *task.get("vars", {})) if OURS.match(name)} - role_options(role[1])
    return wrong | (set(task.get("schedule_vars", {})) - role_options("autorepair"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_right(page: Path) -> None:
    """It plays a playbook that there is, and gives it what it reads."""
    names = {path.stem for path in ROOT.glob("playbooks/*.yml")}
    assert [name for name, given in commands(page) if name not in names] == []
    assert [(name, wrong) for name, given in commands(page) if (wrong := set(given) - read_by(name))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_example_in_yaml_is_right(page: Path) -> None:
    """It can be read, and its tasks and roles of ours take what they are given."""
    assert [wrong for task in mappings(examples(page)) if (wrong := unknown(task))] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_name_of_the_collection_s_exists(page: Path) -> None:
    """What is called ganeti.autorepair.... is a playbook, a rulebook, a role, a module or a group of modules."""
    kinds = ("playbooks/*.yml", "extensions/eda/rulebooks/*.yml", "roles/*", "plugins/modules/*.py")
    groups = yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["action_groups"]
    names = {path.stem for kind in kinds for path in ROOT.glob(kind)}.union(groups)
    assert set(re.findall(r"\bganeti\.autorepair\.(\w+)", page.read_text())) - names == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_target_of_make_exists(page: Path) -> None:
    """Where make is told as a command."""
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.M))
    assert set(re.findall(r"(?:`|^ {4})make ([a-z-]+)", page.read_text(), re.M)) - targets == set()


# --- signposts in the code ---

CODE = sorted(path for folder in ("plugins", "tests", "extensions") for path in (ROOT / folder).rglob("*.py"))
DESIGN = (ROOT / "docs" / "design.md").read_text()
SIGNPOSTS = {  # what is said, and what it leads to
    re.compile(r"\bsections? ((?:\d+(?:, | and )?)+)"): set(re.findall(r"^## (\d+)\. ", DESIGN, re.M)),
    re.compile(r"\b[Ll]aws? ((?:\d+(?:, | and | to )?)+)"): set(re.findall(r"^(\d+)\. \*\*", DESIGN, re.M)),
    re.compile(r"\bfacts?,? ((?:\([a-z]\)(?:, | and | to )?)+)"): set(
        re.findall(r"^## \(([a-z])\) ", (ROOT / "docs" / "ganeti-facts.md").read_text(), re.M)
    ),
}


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_signpost_leads_somewhere(path: Path) -> None:
    """A section and a law are those of docs/design.md, a fact is one of docs/ganeti-facts.md."""
    for said, known in SIGNPOSTS.items():
        for words in said.findall(path.read_text()):
            assert set(re.findall(r"\d+|[a-z](?=\))", words)) <= known, words


def test_signposts_are_found() -> None:
    """... by the words that the code has for them."""
    text = "".join(path.read_text() for path in CODE)
    assert all(len(said.findall(text)) > 5 for said in SIGNPOSTS)
