# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The tasks that switch power with Debian's fence-agents: real agents, against stand-ins for BMCs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import trustme

from lab.bmc import PASSWORD, USER, Power, free_port, ipmi, redfish
from playbook import Run, play

from .packages import install
from .test_fence_tasks import Site, command_lines

LOST = "lost"  # a node whose BMC has no power itself
SECONDS = 6
BOOK = """
- hosts: all
  gather_facts: false
  tasks:
    - ansible.builtin.include_tasks: TASKS
      loop: "{{ ganeti_autorepair_nodes }}"
      loop_control: {loop_var: ganeti_autorepair_node}
    - ansible.builtin.debug:
        msg: "{{ said | default({}) }}"
"""
POWER_ON = "- ansible.builtin.include_role: {name: ganeti.autorepair.nodes, tasks_from: power_on_agent}\n"
SAID = """
- ansible.builtin.include_role: {name: ganeti.autorepair.nodes, tasks_from: power_status_agent}
- ansible.builtin.set_fact:
    said: "{{ said | default({}) | combine({ganeti_autorepair_node: ganeti_autorepair_power}) }}"
"""


class Machine:
    """A machine that is on until it is switched off."""

    def __init__(self, kind: str, on: bool = True) -> None:
        """With a BMC of this kind."""
        self.on = on
        self.power = Power(lambda: self.on, self.switch, kind)

    def switch(self, on: bool) -> None:
        """Switch it."""
        self.on = on


@pytest.fixture(scope="module", autouse=True)
def agents(tmp_path_factory: pytest.TempPathFactory) -> None:
    """See that there are agents; what needs them is skipped, with the reason, where there can't be any."""
    log = tmp_path_factory.mktemp("apt") / "log"
    for program, package in (("fence_redfish", "fence-agents"), ("ipmitool", "ipmitool")):
        if reason := install(program, package, log):
            pytest.skip(reason)


@contextmanager
def served(agent: str, folder: Path, *powers: Power) -> Iterator[Sequence[int]]:
    """BMCs that the agent can speak with; their ports."""
    with ExitStack() as stack:
        if agent == "fence_ipmilan":
            yield stack.enter_context(ipmi(*powers))
        else:
            pem = folder / "bmc.pem"
            trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
            yield stack.enter_context(redfish(pem, *powers))


def options_for(agent: str, ports: dict[str, int], **more: object) -> dict[str, object]:
    """The variables of the tasks."""
    own: dict[str, object] = {"lanplus": True} if agent == "fence_ipmilan" else {"ssl_insecure": True}
    given = {"ip": "127.0.0.1", "ipport": "{{ ganeti_autorepair_ports[ganeti_autorepair_node] }}", "username": USER}
    options = {**own, **given, "password": "{{ ganeti_autorepair_password }}", **more}
    variables = {"fence_agent": agent, "fence_agent_options": options, "ports": ports, "password": PASSWORD}
    return {**variables, "fence_timeout": SECONDS}


@pytest.mark.parametrize(
    ("agent", "kinds"),
    [
        ("fence_redfish", ("honest", "slow", "lying", "stubborn", "hanging")),
        ("fence_ipmilan", ("honest", "lying", "hanging")),
    ],
)
def test_real_agents(tmp_path: Path, agent: str, kinds: Sequence[str]) -> None:
    """Only a node whose BMC says off counts. A BMC that lies is believed here: nobody but the node knows better."""
    machines = {kind: Machine(kind) for kind in kinds}
    machines |= {"off": Machine("honest", on=False), "locked": Machine("honest")}
    with served(agent, tmp_path, *(each.power for each in machines.values())) as given, command_lines() as seen:
        ports = {**dict(zip(machines, given, strict=True)), LOST: free_port()}
        password = "{{ 'guess' if ganeti_autorepair_node == 'locked' else ganeti_autorepair_password }}"
        variables = options_for(agent, ports, password=password)
        left = Site(tmp_path).fence({"fence_agent.yml": [*machines, LOST]}, "-vvv", **variables)
    off = [kind for kind in ("honest", "slow") if kind in kinds]
    assert left.nodes == [*off, "lying", "off"], left.failures
    assert [name for name, each in machines.items() if not each.on] == [*off, "off"]
    ordered = {name for name, each in machines.items() if each.power.orders == ["off"]}
    assert ordered == {*kinds} - {"hanging"} and sum(len(each.power.orders) for each in machines.values()) == len(
        ordered
    )
    if "stubborn" in kinds:
        assert f"node stubborn should be off within {SECONDS} s" in left.failures["stubborn"]
    for node in ("hanging", "locked", LOST):
        assert f"cannot ask {agent} whether node {node} is on; what came back:" in left.failures[node]
    assert PASSWORD not in left.run.output
    if agent == "fence_redfish":  # fence_ipmilan gives it to ipmitool as an argument
        assert not [line for line in seen if PASSWORD in line]


NOT_THIS = "it takes one of the agents whose"
REFUSED = [  # agent, options, words
    *[(agent, {}, NOT_THIS) for agent in ("fence_scsi", "fence_kdump", "fence_crosslink", "/bin/true", "")],
    ("fence_redfish", {"action": "on"}, "but neither action"),
    ("fence_redfish", {"Missing-As-Off": True}, "but neither Missing-As-Off"),
    ("fence_redfish", {"method": "cycle"}, "but neither method"),
    ("fence_redfish", {"nodename": "x"}, "but neither nodename"),
    ("fence_redfish", {"ssl_insecure": False}, "but neither ssl_insecure"),
    ("fence_redfish", {"debug_file": "/tmp/x"}, "but neither debug_file"),
    ("fence_redfish", {"plug": ["a", "b"]}, "but neither plug"),
    ("fence_redfish", {"ip": "x\naction=reboot"}, "but neither ip"),
    ("fence_redfish", {"ip\naction": "reboot"}, "but neither ip"),
    ("fence_redfish", {"sytem_uri": "/secret"}, "what came back: it does not know sytem_uri;"),
    ("fence_ilo5", {"hexadecimal_kg": "secret"}, "cannot ask fence_ilo5 whether node"),
]


def test_what_is_refused(tmp_path: Path) -> None:
    """Agents that switch no power, options that would change the order, and those that the agent does not know."""
    machine = Machine("honest")
    nodes = [f"case{at}" for at in range(len(REFUSED))]
    with served("fence_redfish", tmp_path, machine.power) as (port,):
        variables = options_for("fence_redfish", dict.fromkeys(nodes, port))
        cases = {
            node: {"agent": agent, "options": {**given_options(variables), **more}}
            for node, (agent, more, _words) in zip(nodes, REFUSED, strict=True)
        }
        variables["fence_agent"] = "{{ ganeti_autorepair_cases[ganeti_autorepair_node].agent }}"
        variables["fence_agent_options"] = "{{ ganeti_autorepair_cases[ganeti_autorepair_node].options }}"
        left = Site(tmp_path).fence({"fence_agent.yml": nodes}, **variables, cases=cases)
    assert left.nodes == [] and machine.power.orders == []
    for node, (agent, more, words) in zip(nodes, REFUSED, strict=True):
        assert words in left.failures[node], (agent, more, left.failures[node])
    assert "/secret" not in str(left.failures)


def given_options(variables: dict[str, object]) -> dict[str, object]:
    """The agent's options of the tasks' variables."""
    options = variables["fence_agent_options"]
    assert isinstance(options, dict)
    return options


def play_tasks(folder: Path, tasks: str, *options: str, **variables: object) -> Run:
    """Play a file of tasks for these nodes."""
    (folder / "book.yml").write_text(BOOK.replace("TASKS", tasks))
    (folder / "said.yml").write_text(SAID)
    (folder / "power_on.yml").write_text(POWER_ON)
    return play(folder / "run", variables, *options, playbook=str(folder / "book.yml"))


def test_whether_and_on(tmp_path: Path) -> None:
    """What the agent says is the power, also in a dry run, and everything else is unknown; then it is switched on."""
    machines = {"on": Machine("honest"), "off": Machine("honest", on=False), "hanging": Machine("hanging")}
    with served("fence_redfish", tmp_path, *(each.power for each in machines.values())) as given:
        ports = {**dict(zip(machines, given, strict=True)), LOST: free_port()}
        variables = options_for("fence_redfish", ports)
        run = play_tasks(tmp_path, "said.yml", "--check", **variables, nodes=[*ports])
        said = {"on": "on", "off": "off", "hanging": "unknown", LOST: "unknown"}
        assert run.result("ansible.builtin.debug")["msg"] == said, run.output
        dry = play_tasks(tmp_path, "power_on.yml", "--check", **variables, nodes=["off"])
        assert (dry.code, machines["off"].on) == (0, False), dry.output
        run = play_tasks(tmp_path, "power_on.yml", **variables, nodes=["off", LOST])
        assert (run.code, machines["off"].on) == (2, True), run.output
        assert f"node {LOST} should be on" in run.messages[-1]


IGNORING = """
- hosts: all
  gather_facts: false
  ignore_errors: true
  tasks:
    - ansible.builtin.include_role: {name: ganeti.autorepair.nodes, tasks_from: power}
      loop: "{{ ganeti_autorepair_nodes }}"
      loop_control: {loop_var: ganeti_autorepair_node}
    - ansible.builtin.debug:
        msg: "{{ nodes_power }}"
"""


def test_a_caller_that_ignores_errors_gets_no_answer_about_another_node(tmp_path: Path) -> None:
    """One node has no BMC in the variables, so that its options can't be rendered; it comes after one that is off."""
    machines = {"off": Machine("honest", on=False), "on": Machine("honest")}
    with served("fence_redfish", tmp_path, *(each.power for each in machines.values())) as given:
        variables = options_for("fence_redfish", dict(zip(machines, given, strict=True)))
        book = tmp_path / "book.yml"
        book.write_text(IGNORING)
        variables |= {"nodes": ["off", "nobody", "on"], "power_status_tasks": "power_status_agent.yml"}
        run = play(tmp_path / "run", variables, playbook=str(book))
    assert run.result("ansible.builtin.debug")["msg"] == {"off": "off", "nobody": "unknown", "on": "on"}, run.output
