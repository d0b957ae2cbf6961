# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Report files: a report as files in a folder, each of which is written whole or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from .errors import AutorepairError, BadOption
from .metrics import metrics
from .page import page
from .summary import Look, Report, part_of, report_of, without_healthy

ALL, METRICS, CLUSTERS = "index", "ganeti_autorepair.prom", "clusters"
MODE = 0o644  # the node exporter and a web server are other users
Files = Mapping[str, str]  # their text, by their path in the folder


class CannotWrite(AutorepairError):
    """The folder or a file in it can't be written, or not read."""


@dataclass(frozen=True)
class Written:
    """What a report has become: its C(files), and those of them that C(changed) in more than the times of the looks;
    C(before) are their former texts."""

    report: Report
    files: Files
    before: Files
    changed: tuple[str, ...]


def plan_files(folder: Path, looks: Sequence[Look], now: int) -> Written:
    """What the files in C(folder) are to be for C(looks), at C(now) (seconds since the epoch); nothing is written.

    What the looks don't know is taken from the files of before: when a cluster that can't be read now was last read,
    and when a round was last played. Raises BadOption and CannotWrite.
    """
    names = [look.name for look in looks]
    if not names:
        raise BadOption("clusters is empty; there is nothing to report on")
    if len(set(names)) != len(names):
        raise BadOption("clusters has two of one name; each needs its own")
    former = {name: _former(folder, name) for name in names}
    looks = [_with_former(look, former[look.name]) for look in looks]
    report = report_of(looks, now)
    files = _files(report)
    before = {path: _read(folder / path) for path in files}
    then = _files(_as_of(report, former, _former_time(folder, now)))
    return Written(report, files, before, tuple(path for path in files if before[path] != then[path]))


def write_files(folder: Path, files: Files) -> None:
    """Write C(files) below C(folder), each beside its place first, and then into it. Raises CannotWrite."""
    try:
        (folder / CLUSTERS).mkdir(parents=True, exist_ok=True)
        for path, text in files.items():
            _write(folder / path, text)
        for one in (folder / CLUSTERS, folder):
            _sync(one)
    except OSError as error:
        raise CannotWrite(f"cannot write the report to {folder}: {error}") from error


def file_name(cluster: str) -> str:
    """The name of the files of a cluster, without what comes after the dot; different for different clusters."""
    return quote(cluster, safe=" ", errors="backslashreplace")


# --- the parts -------------------------------------------------------------------------------------------------------


def _files(report: Report) -> Files:
    links = {one["name"]: f"{CLUSTERS}/{quote(file_name(one['name']))}.html" for one in report["clusters"]}
    whole = without_healthy(report)
    files = {
        f"{ALL}.html": page(whole, "All clusters", links),
        f"{ALL}.json": _json(whole),
        METRICS: metrics(report),
    }
    for one in report["clusters"]:
        part, name = part_of(report, one), file_name(one["name"])
        files[f"{CLUSTERS}/{name}.html"] = page(part, one["name"], {}, up=f"../{ALL}.html")
        files[f"{CLUSTERS}/{name}.json"] = _json(part)
    return files


def _json(report: Mapping[str, Any]) -> str:
    return json.dumps(report, indent=1, sort_keys=True) + "\n"


def _with_former(look: Look, former: Mapping[str, Any]) -> Look:
    return replace(
        look,
        time=former.get("time") if look.facts is None else look.time,
        last_round=former.get("last_round") if look.last_round is None else look.last_round,
    )


def _as_of(report: Report, former: Mapping[str, Mapping[str, Any]], made: int) -> Report:
    """C(report) as it would have been, had the same been seen when the files of before were made."""
    times = {name: known["time"] for name, known in former.items() if "time" in known}
    clusters = [
        dict(one, time=times.get(one["name"], one["time"])) if one["seen"] else one for one in report["clusters"]
    ]
    return dict(report, time=made, clusters=clusters)


def _former(folder: Path, cluster: str) -> Mapping[str, Any]:
    """What the file of a cluster says of it; nothing where there is none, or another one."""
    report = _report_in(folder / CLUSTERS / f"{file_name(cluster)}.json")
    found = report.get("clusters")
    one = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    return {key: one[key] for key in ("time", "last_round") if isinstance(one.get(key), int)}


def _former_time(folder: Path, now: int) -> int:
    made = _report_in(folder / f"{ALL}.json").get("time")
    return made if isinstance(made, int) else now


def _report_in(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(_read(path) or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read(path: Path) -> str:
    """The text of a file; empty where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise CannotWrite(f"cannot read {path}, which is to be replaced: {error}") from error


def _write(path: Path, text: str) -> None:
    """Write one file; whoever reads it meanwhile has the old one or the new one, and so has one after a crash."""
    number, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:100]}.", suffix=".new")
    try:
        with os.fdopen(number, "wb") as output:
            output.write(text.encode("utf-8", "replace"))
            output.flush()
            os.fchmod(output.fileno(), MODE)
            os.fsync(output.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def _sync(folder: Path) -> None:
    """Have the new names in it survive a crash."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def differences(written: Written) -> Iterable[Mapping[str, str]]:
    """The files that changed, before and after, but for the pages, which nobody reads as code."""
    for path in written.changed:
        if not path.endswith(".html"):
            head = {"before_header": path, "after_header": path}
            yield {**head, "before": written.before[path], "after": written.files[path]}


def lines(report: Report, folder: Path) -> list[str]:
    """C(report) as a line for each cluster, and where the rest of it is."""
    return [_line(one) for one in report["clusters"]] + [f"see {folder / ALL}.html"]


def _line(cluster: Mapping[str, Any]) -> str:
    if cluster["error"]:
        return f"{cluster['name']}: could not be read: {cluster['error']}"
    counts = cluster["seen"]["counts"]
    asks, states = counts["attention"], counts["states"]
    needs = f"{asks['person']} {'needs' if asks['person'] == 1 else 'need'} a person"
    told = [needs, f"{asks['repair']} under repair", f"{asks['hold']} on hold"]
    told.append(f"{states['healthy']} of {sum(states.values())} healthy")
    return f"{cluster['name']}: {', '.join(told)}"
