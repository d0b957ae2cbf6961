# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script that looks from a node: what it makes of DRBD's words, and of a machine without its tools.

What it says of living and silent nodes is tried on real ones, in tests/scenarios.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "roles" / "nodes" / "files" / "look.sh"
TOOLS = ("sh", "cat", "sed", "awk", "bash", "openssl", "timeout")
RESOURCE = """\
resource resource{minor} {{
    options {{
    }}
    net {{
        cram-hmac-alg           "md5";
    }}
{first}{second}}}
"""
THERE = """\
    _remote_host {{
        address                 {peer}:1100{minor};
    }}
"""
HERE = """\
    _this_host {{
        address                 ipv4 192.0.2.1:1100{minor};
        volume 0 {{
            device                      minor {minor};
            disk                        "/dev/xenvg/data";
        }}
    }}
"""


def said(folder: Path, *arguments: str, without: str = "", drbd: str = "") -> list[str]:
    """The lines of the script where only its tools are, and drbdsetup says this; it must not fail."""
    tools = folder / "bin"
    tools.mkdir()
    for tool in TOOLS:
        if tool != without:
            (tools / tool).symlink_to(str(shutil.which(tool)))
    (folder / "drbd.txt").write_text(drbd)
    setup = tools / "drbdsetup"
    setup.write_text(f"#!/bin/sh\ncat {folder}/drbd.txt\n")
    setup.chmod(0o755)
    command = ["/bin/sh", "-c", SCRIPT.read_text(), "look", "1", *arguments]
    run = subprocess.run(command, env={"PATH": str(tools)}, capture_output=True, text=True, check=False)
    assert run.stderr == ""
    return run.stdout.splitlines()


@pytest.mark.parametrize("here_first", [False, True], ids=["as 8.4 prints it", "the other way round"])
def test_each_minor_has_its_peer(tmp_path: Path, here_first: bool) -> None:
    """Whichever end of a resource is printed first; a resource that is not connected to anybody has none."""
    peers = ["ipv4 192.0.2.2", "ipv6 [2001:db8::3]", "ipv4 192.0.2.4"]
    ends = [(THERE.format(minor=at, peer=peer), HERE.format(minor=at)) for at, peer in enumerate(peers)]
    text = "".join(
        RESOURCE.format(minor=at, first=end[here_first], second="" if at == 1 else end[not here_first])
        for at, end in enumerate(ends)
    )
    lines = said(tmp_path, drbd=text)
    assert (lines[0], lines[-1]) == ("look 1", "end")
    assert [line for line in lines if line.startswith("peer")] == ["peer 0 192.0.2.2", "peer 2 192.0.2.4"]


def test_an_address_of_version_6(tmp_path: Path) -> None:
    """Without its brackets and its port."""
    end = RESOURCE.format(minor=0, first=THERE.format(minor=0, peer="ipv6 [2001:db8::3]"), second=HERE.format(minor=0))
    assert "peer 0 2001:db8::3" in said(tmp_path, drbd=end)


@pytest.mark.parametrize("tool", ["bash", "openssl", "timeout", "awk"])
def test_without_its_tools_it_says_nothing(tmp_path: Path, tool: str) -> None:
    """Everybody would seem silent to it."""
    assert said(tmp_path, "node1=127.0.0.1", without=tool) == [f"{tool} is missing"]


def test_many_nodes(tmp_path: Path) -> None:
    """All are tried, not all at once; a port that refuses says so."""
    names = [f"node{number}" for number in range(100)]
    lines = said(tmp_path, *(f"{name}=127.0.0.1" for name in names))
    assert {line.split()[1] for line in lines if line.startswith("reach")} == set(names)
    assert len([line for line in lines if line.startswith("reach")]) == 200 and lines[-1] == "end"
    assert not any(line.endswith("silent") for line in lines)
