# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Run a simulated cluster as a command.

    PYTHONPATH=tests python -m simulator --state-dir DIR [--background]
    PYTHONPATH=tests python -m simulator --state-dir DIR --stop

DIR/settings.json says how to reach it, and stands there as soon as it answers; DIR/pid is its process,
DIR/requests.log what it was asked. SIGTERM and SIGINT stop it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from simulator.cluster import Cluster
from simulator.examples import example, large
from simulator.faults import AnyRequest, AnyResponse, line
from simulator.simulator import Simulator, wall_clock_cluster

START_SECONDS = 30.0


def read_arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the command line's options."""
    parser = argparse.ArgumentParser(prog="simulator", description="A simulated Ganeti cluster on loopback.")
    parser.add_argument("--state-dir", type=Path, required=True, metavar="DIR", help="where its files go")
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1 (default: any free one)")
    parser.add_argument("--speed", type=float, default=10.0, help="times faster than a real cluster (default: 10)")
    parser.add_argument("--nodes", type=int, default=0, help="a large cluster of so many nodes")
    parser.add_argument("--instances", type=int, default=0, help="... and so many instances")
    parser.add_argument("--dead", type=int, default=0, help="... with so many dead nodes, marked offline")
    parser.add_argument("--latency", type=float, default=0.0, metavar="MS", help="milliseconds that each answer takes")
    parser.add_argument("--clients", type=int, default=20, help="requests answered at once (default: 20)")
    parser.add_argument("--own-certificate", action="store_true", help="serve a certificate like Ganeti's default")
    parser.add_argument("--background", action="store_true", help="return as soon as it answers")
    parser.add_argument("--stop", action="store_true", help="stop the one that runs with this DIR")
    return parser.parse_args(arguments)


def make_cluster(options: argparse.Namespace) -> Cluster:
    """Return the example cluster, or a large one if a size is given."""
    cluster = wall_clock_cluster(options.speed)
    if options.nodes:
        return large(cluster, options.nodes, options.instances, options.dead)
    return example(cluster)


def serve(options: argparse.Namespace) -> int:
    """Serve until a signal comes."""
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    simulator = Simulator(
        make_cluster(options),
        folder=options.state_dir,
        port=options.port,
        own_certificate=options.own_certificate,
        latency=options.latency / 1000,
        clients=options.clients,
    )
    log = (options.state_dir / "requests.log").open("w", buffering=1)

    def write_line(request: AnyRequest, response: AnyResponse) -> None:
        log.write(f"{line(request)} {response.status}\n")
        simulator.log.clear()  # the file is the log; memory would fill up

    simulator.hooks.after.append(write_line)
    with log, simulator:
        settings = options.state_dir / "settings.json"
        (options.state_dir / "pid").write_text(f"{os.getpid()}\n")
        write_whole(settings, json.dumps(simulator.settings(), indent=2) + "\n")
        print(f"simulator: {simulator.url}, see {settings}", flush=True)
        stopped.wait()
        settings.unlink(missing_ok=True)
        (options.state_dir / "pid").unlink(missing_ok=True)
    return 0


def write_whole(path: Path, text: str) -> None:
    """Write a file that nobody sees half written."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o600)
    new.rename(path)


def serve_in_background(options: argparse.Namespace) -> int:
    """Start the server as a process of its own; return when it answers, 1 if it does not."""
    settings = options.state_dir / "settings.json"
    child = os.fork()
    if child == 0:
        os.setsid()
        with (options.state_dir / "output.log").open("w") as output, open(os.devnull) as nothing:
            os.dup2(nothing.fileno(), 0)
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        os._exit(serve(options))
    end = time.monotonic() + START_SECONDS
    while not settings.exists() and time.monotonic() < end:
        if os.waitpid(child, os.WNOHANG) != (0, 0):
            break
        time.sleep(0.05)
    if not settings.exists():
        print((options.state_dir / "output.log").read_text(), file=sys.stderr)
        return 1
    print(f"simulator: process {child}, see {settings}")
    return 0


def stop(options: argparse.Namespace) -> int:
    """Stop the server of a folder, if one runs there, and wait until it is gone."""
    pid = options.state_dir / "pid"
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        process = int(pid.read_text())
        os.kill(process, signal.SIGTERM)
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            os.kill(process, 0)
            time.sleep(0.05)
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command."""
    options = read_arguments(arguments)
    if options.stop:
        return stop(options)
    options.state_dir.mkdir(parents=True, exist_ok=True)
    (options.state_dir / "settings.json").unlink(missing_ok=True)
    return serve_in_background(options) if options.background else serve(options)


if __name__ == "__main__":
    sys.exit(main())
