# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The command line of the virtual machines."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from lab.cli import clock
from lab.errors import LabError

from .settings import Settings
from .vmlab import RAPI_PORT, VmLab


def main(arguments: Sequence[str]) -> int:
    """Do one command and return the exit code: 0, or the error's own."""
    options = parser().parse_args(arguments)
    try:
        command: Callable[[VmLab, argparse.Namespace], None] = options.function
        command(VmLab(Settings.from_environment(), clock()), options)
    except LabError as error:
        print(f"vmlab: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """Return the parser; each command names its function."""
    result = argparse.ArgumentParser(prog="vmlab", description="A real Ganeti cluster on virtual machines.")
    commands = result.add_subparsers(required=True, metavar="COMMAND")
    for function, words in [(up, ""), (down, ""), (restore, ""), (status, ""), (boot, "node"), (kill, "node")]:
        command = commands.add_parser(function.__name__, help=function.__doc__, description=function.__doc__)
        command.set_defaults(function=function)
        if words:
            command.add_argument(words, metavar=words.upper())
    shell = commands.add_parser("on", help=on.__doc__, description=on.__doc__)
    shell.set_defaults(function=on)
    shell.add_argument("node", metavar="NODE")
    shell.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND...")
    return result


def up(lab: VmLab, _: argparse.Namespace) -> None:
    """Bring the cluster up; build the image and the cluster, if they are not kept."""
    lab.up()


def down(lab: VmLab, _: argparse.Namespace) -> None:
    """End all machines; the image and the saved cluster are kept."""
    lab.down()


def restore(lab: VmLab, _: argparse.Namespace) -> None:
    """Make the cluster as it was when it had just been built."""
    lab.restore()


def status(lab: VmLab, _: argparse.Namespace) -> None:
    """Show which nodes run, and where Ganeti answers."""
    for node in lab.nodes:
        print(f"{node.name}  {node.address:<15} {'on' if node.is_on else 'off'}")
    print(f"RAPI   https://{lab.settings.cluster_address}:{RAPI_PORT}")
    print(f"LUXI   {lab.settings.luxi_socket}")


def boot(lab: VmLab, options: argparse.Namespace) -> None:
    """Boot a node."""
    lab.boot(options.node)


def kill(lab: VmLab, options: argparse.Namespace) -> None:
    """Pull the plug of a node."""
    lab.node(options.node).switch_off()


def on(lab: VmLab, options: argparse.Namespace) -> None:
    """Run a command on a node (a shell, if none is given)."""
    words = [str(word) for word in lab.node(options.node).ssh]
    os.execvp(words[0], [*words, *options.command])
