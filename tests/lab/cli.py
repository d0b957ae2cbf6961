# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The lab's command line."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence

from .errors import LabError
from .lab import Lab
from .luxi import Job
from .settings import Settings
from .shell import NODE_ENVIRONMENT

RECENT_JOBS = 20


def main(arguments: Sequence[str]) -> int:
    """Do one command and return the exit code: 0, or the error's own."""
    options = parser().parse_args(arguments)
    try:
        lab = Lab(Settings.from_environment(), clock())
        command: Callable[[Lab, argparse.Namespace], None] = options.function
        command(lab, options)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser; each command names its function."""
    result = argparse.ArgumentParser(prog="lab", description="A real Ganeti cluster on this machine.")
    commands = result.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, function: Callable[[Lab, argparse.Namespace], None], *words: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=function.__doc__, description=function.__doc__)
        command.set_defaults(function=function)
        for word in words:
            command.add_argument(word, metavar=word.upper())
        return command

    add("up", up)
    add("down", down).add_argument("--keep", action="store_true", help="keep the disks of the nodes")
    add("reset", reset)
    add("status", status)
    add("on", on, "node").add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND...")
    add("node-off", node_off, "node").add_argument("--offline", action="store_true", help="mark it offline first")
    add("node-on", node_on, "node")
    add("set-node", set_node, "node").add_argument("state", choices=["online", "offline", "drained", "undrained"])
    seeding = add("seed", seed)
    seeding.add_argument("counts", nargs="*", metavar="TEMPLATE=NUMBER")
    seeding.add_argument("--prefix", default="inst", help="how the names begin")
    seeding.add_argument("--stopped", action="store_true", help="don't start them")
    seeding.add_argument("--hail", action="store_true", help="let hail place them, which takes longer")
    add("remove-instances", remove_instances)
    add("jobs", jobs).add_argument("ids", nargs="*", type=int, metavar="ID")
    add("certificate", certificate).add_argument("kind", choices=["ca", "default"])
    return result


def up(lab: Lab, _: argparse.Namespace) -> None:
    """Bring the cluster up."""
    lab.up()


def down(lab: Lab, options: argparse.Namespace) -> None:
    """End everything and leave nothing behind."""
    lab.down(keep=options.keep)


def reset(lab: Lab, _: argparse.Namespace) -> None:
    """Make the cluster as it was when it had just been built."""
    lab.reset()


def status(lab: Lab, _: argparse.Namespace) -> None:
    """Show which nodes run, where the RAPI is and how many instances there are."""
    for node in lab.nodes:
        print(f"{node.name}  {node.address:<15} {'on' if node.is_on() else 'off'}")
    if lab.master.is_on():
        print(f"RAPI       {lab.rapi_url}, verified by {lab.ca_file}")
        print(f"LUXI       {lab.luxi_socket}")
        print(f"instances  {len(lab.instances())}")


def on(lab: Lab, options: argparse.Namespace) -> None:
    """Run a command on a node (a shell, if none is given)."""
    command = lab.node(options.node).enter(options.command or ["bash"])
    os.execvpe(command[0], command, {**NODE_ENVIRONMENT, "TERM": os.environ.get("TERM", "dumb")})


def node_off(lab: Lab, options: argparse.Namespace) -> None:
    """Pull the plug of a node."""
    lab.node_off(options.node, offline=options.offline)


def node_on(lab: Lab, options: argparse.Namespace) -> None:
    """Boot a node."""
    lab.node_on(options.node)


def set_node(lab: Lab, options: argparse.Namespace) -> None:
    """Tell Ganeti that a node is offline, drained, or neither."""
    flag = "offline" if options.state in ("online", "offline") else "drained"
    lab.set_node(options.node, **{flag: options.state == flag})


def seed(lab: Lab, options: argparse.Namespace) -> None:
    """Create instances: a few of each disk template, or as many as you say."""
    try:
        counts = {template: int(number) for template, _, number in (each.partition("=") for each in options.counts)}
    except ValueError as error:
        raise LabError("seed wants TEMPLATE=NUMBER, such as drbd=4") from error
    for name in lab.seed(direct=not options.hail, prefix=options.prefix, running=not options.stopped, **counts):
        print(name)


def remove_instances(lab: Lab, _: argparse.Namespace) -> None:
    """Remove all instances."""
    lab.remove_instances()


def jobs(lab: Lab, options: argparse.Namespace) -> None:
    """Show these jobs, or the last ones, and what failed ones said."""
    found: list[Job] = lab.jobs(options.ids) if options.ids else lab.jobs()[-RECENT_JOBS:]
    for job in found:
        print(job)


def certificate(lab: Lab, options: argparse.Namespace) -> None:
    """Switch the RAPI between the CA's and Ganeti's own certificate; show the SHA-256 fingerprint."""
    print(lab.use_default_certificate() if options.kind == "default" else lab.use_ca_certificate())


def clock() -> Callable[[str], None]:
    """Return a function that shows what has been reached, and after how many seconds."""
    start = time.monotonic()
    return lambda text: print(f"[{time.monotonic() - start:5.1f} s] {text}", flush=True)
