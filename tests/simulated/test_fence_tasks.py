# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The role's tasks that fence nodes: with real BMCs' protocol, with commands, and with whatever a user may write."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from playbook import Run, play

from .bmc import PASSWORD, USER, bmcs, free_port, install_ipmitool

# Fences nodes as the role does, by one file after the other; a file that is refused is kept with the sentence.
PLAYBOOK = """
- hosts: all
  gather_facts: false
  {keywords}
  tasks:
    - ansible.builtin.include_tasks: one_file.yml
      loop: "{{{{ ganeti_autorepair_files | dict2items }}}}"
      loop_control: {{loop_var: one}}
    - ansible.builtin.debug:
        msg:
          fenced: "{{{{ autorepair_fenced | default([]) }}}}"
          failures: "{{{{ autorepair_fence_failures | default([]) }}}}"
          refused: "{{{{ refused | default({{}}) }}}}"
"""
ONE_FILE = """
- vars: {ganeti_autorepair_fence_tasks: "{{ one.key }}"}
  block:
    - ansible.builtin.include_role: {name: ganeti.autorepair.autorepair, tasks_from: check_fence_tasks}
    - ansible.builtin.include_role: {name: ganeti.autorepair.autorepair, tasks_from: fence}
      loop: "{{ one.value }}"
      loop_control: {loop_var: ganeti_autorepair_node}
  rescue:
    - ansible.builtin.set_fact:
        refused: "{{ refused | default({}) | combine({one.key: ansible_failed_result.msg}) }}"
"""
WELL = "- ansible.builtin.debug: {msg: it is off}\n"
BROKEN = "- ansible.builtin.command: ls /nonexistent\n"


@dataclass(frozen=True)
class Fenced:
    """What a play has left: the nodes that count as fenced, why others do not, and which files were refused."""

    run: Run
    nodes: Sequence[str]
    failures: Mapping[str, str]
    refused: Mapping[str, str]


class Site:
    """A folder with playbooks and users' files in it."""

    def __init__(self, folder: Path) -> None:
        """Work in this folder."""
        self.folder = folder
        self.playbooks = folder / "playbooks"
        self.playbooks.mkdir()

    def run(self, files: Mapping[str, Sequence[str]], *options: str, keywords: str = "", **variables: object) -> Run:
        """Fence nodes, given by the file that is to fence them."""
        (self.playbooks / "book.yml").write_text(PLAYBOOK.format(keywords=keywords))
        (self.playbooks / "one_file.yml").write_text(ONE_FILE)
        book = str(self.playbooks / "book.yml")
        return play(self.folder / "run", {"files": files, **variables}, *options, playbook=book)

    def fence(
        self, files: Mapping[str, Sequence[str]], *options: str, keywords: str = "", **variables: object
    ) -> Fenced:
        """Do so, and return what was left at the end of the play."""
        run = self.run(files, *options, keywords=keywords, **variables)
        assert run.code == 0, run.output
        left = run.result("ansible.builtin.debug")["msg"]
        failures = {failure["node"]: failure["msg"] for failure in left["failures"]}
        return Fenced(run, left["fenced"], failures, left["refused"])

    def write(self, name: str, text: str) -> str:
        """Write a user's file, and return its name."""
        path = self.playbooks / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return name


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """An empty one."""
    return Site(tmp_path)


@pytest.fixture(scope="module")
def ipmitool(tmp_path_factory: pytest.TempPathFactory) -> None:
    """See that there is an ipmitool; what needs it is skipped, with the reason, where there can't be one."""
    reason = install_ipmitool(tmp_path_factory.mktemp("apt") / "log")
    if reason:
        pytest.skip(f"no ipmitool: {reason}")


@contextmanager
def command_lines() -> Iterator[set[str]]:
    """The command lines that any user of the machine can see meanwhile."""
    seen: set[str] = set()
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    seen.add((process / "cmdline").read_text(errors="replace").replace("\0", " "))
                except OSError:  # it has just ended
                    continue

    watcher = threading.Thread(target=look)
    watcher.start()
    yield seen
    ended.set()
    watcher.join()


# node, which is its BMC's kind where there is one; orders to power off that came to it; words of the failure
NODES = [
    ("on", 1, ""),
    ("off", 0, ""),
    ("slow", 1, ""),
    ("stubborn", 1, "was asked, what came back was: Chassis Power is on; look at the node"),
    ("refusing", 1, "Insufficient privilege level; check that ganeti_autorepair_ipmi_user may do that"),
    ("silent", 1, "was asked, what came back was: nothing within 1 s; look at the node"),
    ("locked", 0, "Unable to establish IPMI v2 / RMCP+ session; check ganeti_autorepair_ipmi_host"),
    ("absent", 0, "whether node absent is on; what came back: nothing within 1 s; check ganeti_autorepair_ipmi_host"),
]


def test_bmcs(site: Site, ipmitool: None) -> None:
    """Only a node whose BMC has said that it is off counts; the password is seen by nobody else."""
    with bmcs(*(node for node, _, _ in NODES if node != "absent")) as made, command_lines() as seen:
        ports = {node: bmc.port for node, bmc in made.items()} | {"absent": free_port()}
        left = site.fence(
            {"fence_ipmi.yml": [node for node, _, _ in NODES]},
            "-vvv",
            ports=ports,
            ipmi_host="127.0.0.1",
            ipmi_port="{{ ganeti_autorepair_ports[ganeti_autorepair_node] }}",
            ipmi_user=USER,
            ipmi_password="{{ 'wrong' if ganeti_autorepair_node == 'locked' else ganeti_autorepair_password }}",
            ipmi_options=["-L", "OPERATOR"],
            password=PASSWORD,
            fence_timeout="{{ 1 if ganeti_autorepair_node in ['stubborn', 'silent', 'absent'] else 20 }}",
        )
    assert left.nodes == ["on", "off", "slow"], left.failures
    assert {node for node, bmc in made.items() if not bmc.is_on} == {"on", "off", "slow", "silent"}
    for node, orders, words in NODES:
        assert node == "absent" or made[node].orders == orders, node
        if words:
            assert f"BMC 127.0.0.1 (port {ports[node]})" in left.failures[node]
            assert words in left.failures[node]
    assert any("ipmitool -I lanplus" in line for line in seen)
    assert not [line for line in seen if PASSWORD in line or PASSWORD.split("'")[0] in line]
    assert PASSWORD not in left.run.output


COMMAND = """
case $1 in
    good) echo off > $1 ;;
    bad) echo "no such outlet: $1" >&2; exit 3 ;;
    mute) exit 4 ;;
    hanging) echo $$ > $1; trap "" TERM; sleep 30; sleep 30; echo survived > $1 ;;
esac
"""


def test_commands(site: Site) -> None:
    """A command counts where it ends well in time; it is not left running, and its failure says what it said."""
    left = site.fence(
        {"fence_command.yml": ["bad", "good", "mute", "hanging", "unset"]},
        fence_command="{{ '' if ganeti_autorepair_node == 'unset' else ganeti_autorepair_words }}",
        words=["sh", "-c", f"cd {site.folder}; {COMMAND}", "fence", "{{ ganeti_autorepair_node }}"],
        fence_timeout="{{ 1 if ganeti_autorepair_node == 'hanging' else 20 }}",
    )
    assert left.nodes == ["good"]
    assert (site.folder / "good").read_text() == "off\n"
    told = "cannot fence node {}: ganeti_autorepair_fence_command {}"
    assert left.failures == {
        "bad": told.format("bad", "exited with 3; what came back: no such outlet: bad"),
        "mute": told.format("mute", "exited with 4; what came back: nothing"),
        "hanging": told.format("hanging", "was stopped after 1 s; what came back: nothing"),
        "unset": told.format("unset", "has to be a list of words"),
    }
    process = Path("/proc") / str(int((site.folder / "hanging").read_text()))
    assert not process.exists() or not (process / "cmdline").read_bytes()  # at most, its parent has not looked yet


# what a user may write; which of its two nodes, .1 and .2, are fenced by it; words of the failures of the others
FILES = [
    ("it fences", WELL, "12", ""),
    ("it fails for one node", f"{BROKEN}  when: ganeti_autorepair_node is search('1')\n{WELL}", "2", "No such file"),
    ("a loop of it fails", f"{BROKEN}  loop: [1, 2]\n{WELL}", "", "'/nonexistent': No such file"),
    ("it hides why it fails", f"{BROKEN}  no_log: true\n{WELL}", "", "it failed, and no_log hides why"),
    ("it includes what is not there", f"- ansible.builtin.include_tasks: nope.yml\n{WELL}", "", "as shown above"),
    ("it holds secrets", f"{WELL}  vars: {{a: !vault none, b: !unsafe none}}\n", "12", ""),
    ("it renames the node", f"- ansible.builtin.set_fact: {{ganeti_autorepair_node: other}}\n{WELL}", "12", ""),
]
# what is refused before anything is read
REFUSED = [
    ("it is not there", None, "there is no file /"),
    ("it is no YAML", "- name: [\n- a", "did not find expected node content in"),
    ("it is something else", "a: b\n", "it is not a list of tasks"),
    ("it is empty", "", "it is not a list of tasks"),
    (
        "all of it may be skipped",
        f"{WELL}  when: ganeti_autorepair_bmc is defined\n",
        "its last task has when, so it may be skipped",
    ),
    ("all of it is in a loop", f"{WELL}  loop: []\n", "its last task has loop, so"),
    ("all of it is in a block", f"- block:\n    {WELL}", "its last task has block, so"),
    ("its tasks have tags", f"{WELL}  tags: slow\n", "its last task has tags, so"),
    ("it ignores its errors", f"{BROKEN}  ignore_errors: true\n", "its last task has ignore_errors, so"),
    ("it never fails", f"{BROKEN}  failed_when: false\n", "its last task has failed_when, so"),
    ("it does not wait", f"{WELL}  async: 10\n  poll: 0\n", "its last task has async, so"),
    (
        "it includes another at its end",
        "- ansible.builtin.include_tasks: it.yml\n",
        "its last task has ansible.builtin.include_tasks, so",
    ),
    ("it leaves the play", f"- block:\n    - ansible.builtin.meta: end_host\n{WELL}", "use a task that fails instead"),
]


def test_users_files(site: Site) -> None:
    """Each node counts by itself, and only where the file has succeeded; what would prove nothing is refused."""
    for case, text, *_ in (*FILES, *REFUSED):
        if text is not None:
            site.write(case, text)
    nodes = {case: "12" if fenced else "1" for case, _, fenced, _ in FILES} | {case: "1" for case, *_ in REFUSED}
    left = site.fence({case: [f"{case}.{number}" for number in numbers] for case, numbers in nodes.items()})
    for case, _, fenced, words in FILES:
        assert [node[-1] for node in left.nodes if node.startswith(case)] == list(fenced), case
        failures = {node[-1]: msg for node, msg in left.failures.items() if node.startswith(case)}
        assert set(failures) == set(nodes[case]) - set(fenced), case
        assert all(words in msg for msg in failures.values()), failures
    assert set(left.refused) == {case for case, *_ in REFUSED}
    for case, _, words in REFUSED:
        assert left.refused[case].startswith("cannot fence nodes with "), case
        assert words in left.refused[case], left.refused[case]


def test_which_file(site: Site) -> None:
    """A name leads to the playbook's folder, even that of a file of the role; only its examples come first."""
    for name in ("fence.yml", "fence_command.yml", "below/it.yml"):
        site.write(name, WELL)
    left = site.fence(
        {
            "fence.yml": ["n1"],
            "below/it.yml": ["n2"],
            str(site.playbooks / "fence.yml"): ["n3"],
            "fence_command.yml": ["n4"],
        }
    )
    assert left.nodes == ["n1", "n2", "n3"]
    assert "ganeti_autorepair_fence_command has to be a list of words" in left.failures["n4"]


@pytest.mark.parametrize(("option", "keywords"), [("--check", ""), ("", "check_mode: true")])
def test_dry_run(site: Site, option: str, keywords: str) -> None:
    """Nothing of the file is played, not even what is to run in check mode too, and no node counts as fenced."""
    run = f"- ansible.builtin.command: touch {site.folder}/ran\n  check_mode: false\n"
    left = site.fence({site.write("it.yml", run + WELL): ["node1"]}, *option.split(), keywords=keywords)
    assert (left.nodes, left.failures) == ([], {})
    assert not (site.folder / "ran").exists()


LOST = "- ansible.builtin.ping:\n  vars: {ansible_remote_tmp: /proc/none}\n"  # so ansible calls a host unreachable


@pytest.mark.parametrize(("task", "code"), [(BROKEN, 0), (LOST, 4)])
def test_errors_that_the_play_ignores(site: Site, task: str, code: int) -> None:
    """They count in here all the same; a host that can't be reached ends the run for the cluster."""
    keywords = "ignore_errors: true\n  ignore_unreachable: true"
    run = site.run({site.write("it.yml", task + WELL): ["node1"]}, keywords=keywords)
    assert run.code == code
    facts = [result.get("ansible_facts", {}) for _, result in run.results]
    assert not [fact for fact in facts if "autorepair_fenced" in fact]


def test_where_the_command_runs(site: Site) -> None:
    """Where ansible runs, even if all hosts of the play are reached by SSH."""
    keywords = "vars: {ansible_connection: ssh, ansible_host: no-such-host.invalid}"
    left = site.fence({"fence_command.yml": ["node1"]}, keywords=keywords, fence_command=["true"])
    assert left.nodes == ["node1"], left.failures


def test_names_that_are_taken(site: Site) -> None:
    """A variable from outside does not lead to another node."""
    files = {site.write("it.yml", WELL): ["node1"]}
    left = site.fence(files, "-e", "ganeti_autorepair_node=node2")
    assert left.nodes == []
    assert "ganeti_autorepair_node is set already, to node2; take it out" in left.refused["it.yml"]
