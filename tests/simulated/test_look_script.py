# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""The script that looks from a node: what it makes of other programs' words, and of a machine without its tools.

What it says of living and silent nodes is tried on real ones, in tests/scenarios.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "roles" / "nodes" / "files" / "look.sh"
TOOLS = ("sh", "cat", "sed", "awk", "bash", "openssl", "timeout", "cut", "date", "tr", "grep")
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


def said(folder: Path, *arguments: str, without: str = "", seconds: int = 1, **programs: str) -> list[str]:
    """The lines of the script where only its tools are, and `programs` say this; it must not fail."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    for tool in TOOLS:
        if tool != without and not (tools / tool).exists():
            (tools / tool).symlink_to(str(shutil.which(tool)))
    for name, text in programs.items():
        (folder / name).write_text(text)
        program = tools / name
        program.write_text(f"#!/bin/sh\ncat {folder}/{name}\n")
        program.chmod(0o755)
    command = ["/bin/sh", "-c", SCRIPT.read_text(), "look", str(seconds), "1000", *arguments]
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
    lines = said(tmp_path, drbdsetup=text)
    assert (lines[0], lines[-1]) == ("look 1", "end")
    assert [line for line in lines if line.startswith("peer")] == ["peer 0 192.0.2.2", "peer 2 192.0.2.4"]


def test_an_address_of_version_6(tmp_path: Path) -> None:
    """Without its brackets and its port."""
    end = RESOURCE.format(minor=0, first=THERE.format(minor=0, peer="ipv6 [2001:db8::3]"), second=HERE.format(minor=0))
    assert "peer 0 2001:db8::3" in said(tmp_path, drbdsetup=end)


XL = """\
Name                                        ID   Mem VCPUs\tState\tTime(s)
Domain-0                                     0  2048     4     r-----  71234.5
web1.example.com                             7  4096     2     -b----    123.4
web2.example.com                             8  4096     2     ---s--     12.0
web3.example.com--incoming                   9  4096     2     --p---      1.0
web4.example.com                            10  4096     2     -----d     12.0
"""
SPACE = """\
Filesystem     1024-blocks     Used Available Capacity Mounted on
/dev/md0          10000000  9600000    400000      96% /
udev                     0        0         0        - /dev
"""


VOLUMES = """\
  a1.disk0_data originstname+web1.example.com
  swap
  root          keep,nightly
"""


def test_what_it_says_of_itself(tmp_path: Path) -> None:
    """Guests of Xen that run, file systems, volume groups, and what the kernel has logged within an hour."""
    now = float(Path("/proc/uptime").read_text().split()[0])
    log = [
        (now - 3700, "blk_update_request: I/O error, dev sdz, sector 7 op 0x0:(READ)"),
        (now - 60, "blk_update_request: critical medium error, dev nvme0n1, sector 7 op 0x0:(READ)"),
        (now - 60, "Buffer I/O error on dev nvme0n1, logical block 7, async page read"),
        (now - 50, "I/O error, dev sr0, sector 0 op 0x0:(READ)"),
        (now - 40, "mce: [Hardware Error]: Machine check events logged"),
    ]
    dmesg = "".join(f"[{time:12.6f}] {text}\n" for time, text in log)
    lines = said(tmp_path, "deep=xenvg", dmesg=dmesg, xl=XL, df=SPACE, vgs="  2 xenvg\n", lvs=VOLUMES, ps="    301\n")
    own = lines[lines.index("end") + 1 :]
    assert own[0].startswith("clock ") and own[0].endswith(" 1000") and own[-1] == "whole"
    assert [line for line in own if line.startswith("guest ")] == ["guest web1.example.com"]
    assert [line.strip() for line in own if line.startswith("space")] == ["space / 96", "space / 96 inodes"]
    assert [line for line in own if line.split()[0] in ("errors", "checks")] == ["errors nvme0n1 2", "checks 1"]
    assert [line for line in own if line.startswith("missing")] == ["missing 2 xenvg"]
    assert "guests told" in own and own[1] == "up 301"
    assert [line for line in own if line.startswith("volume")] == ["volume a1.disk0_data web1.example.com"]


def test_on_a_machine_without_all_of_that(tmp_path: Path) -> None:
    """Nothing is wrong, but perhaps for daemons, and it gets to its end."""
    lines = said(tmp_path, "deep=", dmesg="", df="", vgs="  1 xenvg\n")
    kinds = {line.split()[0] for line in lines[lines.index("end") :]}
    assert lines[-1] == "whole" and kinds <= {"end", "clock", "dead", "guests", "whole"}


@pytest.mark.parametrize("tool", ["bash", "openssl", "timeout", "awk"])
def test_without_its_tools_it_says_nothing(tmp_path: Path, tool: str) -> None:
    """Everybody would seem silent to it."""
    assert said(tmp_path, "node1=127.0.0.1", without=tool) == [f"{tool} is missing"]


def test_many_nodes(tmp_path: Path) -> None:
    """All are tried, not all at once; a port that refuses says so."""
    names = [f"node{number}" for number in range(100)]
    lines = said(tmp_path, *(f"{name}=127.0.0.1" for name in names))
    assert {tuple(line.split()[1::2]) for line in lines if line.startswith("reach")} == {
        (name, "127.0.0.1") for name in names
    }
    told = [line for line in lines if line.startswith("reach")]
    assert len(told) == 300 and lines[-1] == "end"
    assert [line.split()[2] for line in told].count("silent") == 100  # no TLS there; the two ports refused


def test_silent_nodes_cost_one_wait(tmp_path: Path) -> None:
    """However many there are, and whatever is tried of each."""
    (tmp_path / "bin").mkdir()
    for tool in ("bash", "openssl"):  # neither gets an answer
        (tmp_path / "bin" / tool).write_text(f"#!/bin/sh\nexec {shutil.which('sleep')} 60\n")
        (tmp_path / "bin" / tool).chmod(0o755)
    begin = time.monotonic()
    lines = said(tmp_path, *(f"node{number}=192.0.2.{number}" for number in range(1, 13)), seconds=10)
    assert 10 <= time.monotonic() - begin < 19  # two waits would take twenty seconds; the rest is a slow machine's
    assert [line.split()[2] for line in lines if line.startswith("reach")] == ["silent"] * 36


def test_guests_that_can_not_be_seen(tmp_path: Path) -> None:
    """Where Xen does not say what runs, nobody is told that nothing does."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "xl").write_text("#!/bin/sh\necho 'cannot connect to xenstored' >&2\nexit 1\n")
    (tmp_path / "bin" / "xl").chmod(0o755)
    lines = said(tmp_path, "deep=", dmesg="", df="", vgs="")
    assert lines[-1] == "whole" and "guests told" not in lines
