# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""Commands on the machine itself, with errors that say what failed."""

from __future__ import annotations

import os
import shlex
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from .errors import LabError

# Nothing of the caller's own environment reaches the nodes.
NODE_ENVIRONMENT = {
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
}


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return it with its output.

    Raises:
        LabError: when it can't be started, or `check` is set and it fails.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", env=env, check=False
        )
    except OSError as error:
        raise LabError(f"cannot run {shlex.join(words)}: {error.strerror}") from error
    if check and done.returncode:
        output = (done.stdout + done.stderr).strip()
        raise LabError(f"{shlex.join(words)} ended with {done.returncode}: {output}")
    return done


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that nobody, and no kill, ever leaves half of it; its folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    draft.write_text(text)
    draft.chmod(mode)
    os.replace(draft, path)
