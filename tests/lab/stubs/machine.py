# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Where a stand-in runs, and where the lab keeps its state."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager

TYPE_CHECKING = False  # importing typing would slow down every call
if TYPE_CHECKING:
    from typing import Any


class Failure(Exception):
    """What the real command would print to stderr before it fails, and its exit code."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        """Keep both."""
        super().__init__(message)
        self.exit_code = exit_code


class Machine:
    """The node that a command runs on, with the lab's folders and settings."""

    def __init__(self, state_dir: str, node: str) -> None:
        """Read the settings that the orchestration wrote for stand-ins."""
        settings = read_json(f"{state_dir}/lab.json")
        self.state_dir = state_dir
        self.node = node
        self.volume_group: str = settings["volume_group"]
        self.volume_group_bytes: int = settings["volume_group_mb"] << 20
        self.sync_seconds: float = settings["sync_seconds"]

    @classmethod
    def here(cls) -> Machine:
        """Return the node that this process runs on."""
        code = os.path.realpath(__file__).removesuffix("/lab/stubs/machine.py")
        return cls(os.path.dirname(code), os.uname().nodename.partition(".")[0])

    @property
    def home(self) -> str:
        """The folder of this node's disks."""
        return f"{self.state_dir}/nodes/{self.node}"


def read_json(path: str) -> Any:
    """Return what a JSON file holds, or an empty dictionary where it doesn't exist."""
    try:
        with open(path) as file:
            return json.load(file)
    except FileNotFoundError:
        return {}


def write_whole(path: str, text: str) -> None:
    """Replace a file at once, so that nobody reads half of it."""
    draft = f"{path}.{os.getpid()}"
    with open(draft, "w") as file:
        file.write(text)
    os.replace(draft, path)


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Hold a lock file, which is made where needed."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
