# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: a report as files in a folder, each of which is written whole or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import AutorepairError, BadOption
from ..ganeti.answers import decoded
from ..ganeti.usable import is_size
from ..printable import printable
from .folder import read_text, write_texts
from .html.page import page
from .metrics import metrics
from .summary import Look, Report, part_of, report_of, without_healthy

ALL, METRICS, CLUSTERS = "index", "ganeti_autorepair.prom", "clusters"
LONGEST = 250  # characters of a file's name, without what comes after the dot; file systems take 255 in all
_SHOWN = 3  # files that an error names
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
    before = {path: _read(folder, path) for path in files}
    then = _files(_as_of(report, former, _former_time(folder, now)))
    return Written(report, files, before, tuple(path for path in files if before[path] != then[path]))


def write_files(folder: Path, files: Files) -> None:
    """Write C(files) below C(folder), each beside its place first, and then into it. Raises CannotWrite, when all that
    could be written has been."""
    try:
        failed = write_texts(folder, files)
    except OSError as error:
        raise CannotWrite(f"cannot write the report to {folder}: {error}") from error
    if failed:
        told = [f"{path} ({error.strerror or error})" for path, error in list(failed.items())[:_SHOWN]]
        told += [f"{len(failed) - _SHOWN} more"] * (len(failed) > _SHOWN)
        raise CannotWrite(
            f"cannot write {len(failed)} of {len(files)} files of the report to {folder}: {', '.join(told)}; "
            f"the others were written; move away a folder that stands for a file, and {CLUSTERS} if it is a link"
        )


def file_name(cluster: str) -> str:
    """The name of the files of a cluster, without what comes after the dot; different for different clusters."""
    whole = quote(cluster, safe=" ", errors="backslashreplace")
    if len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(cluster.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    return f"{whole[:200]}+{digest}"  # no other name has a plus: it would be quoted


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
    report = _report_in(folder, f"{CLUSTERS}/{file_name(cluster)}.json")
    found = report.get("clusters")
    one = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    return {key: one[key] for key in ("time", "last_round") if is_size(one.get(key))}


def _former_time(folder: Path, now: int) -> int:
    made = _report_in(folder, f"{ALL}.json").get("time")
    return made if isinstance(made, int) and is_size(made) else now


def _report_in(folder: Path, path: str) -> Mapping[str, Any]:
    try:
        found = decoded((_read(folder, path) or "{}").encode())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _read(folder: Path, path: str) -> str:
    """The text of a file; empty where there is none of ours."""
    try:
        return read_text(folder, path)
    except OSError as error:
        raise CannotWrite(f"cannot read the report in {folder}, which is to be replaced: {error}") from error


def differences(written: Written) -> Iterable[Mapping[str, str]]:
    """The files that changed, before and after, but for the pages, which nobody reads as code."""
    for path in written.changed:
        if not path.endswith(".html"):
            head = {"before_header": path, "after_header": path}
            before = "\n".join(map(printable, written.before[path].split("\n")))  # others may have written it
            yield {**head, "before": before, "after": written.files[path]}


def lines(report: Report, folder: Path) -> list[str]:
    """C(report) as a line for each cluster, and where the rest of it is."""
    return [_line(one) for one in report["clusters"]] + [f"see {folder / ALL}.html"]


def _line(cluster: Mapping[str, Any]) -> str:
    if cluster["error"]:
        return f"{cluster['name']}: could not be read: {printable(cluster['error'])}"
    counts = cluster["seen"]["counts"]
    asks, states = counts["attention"], counts["states"]
    needs = f"{asks['person']} {'needs' if asks['person'] == 1 else 'need'} a person"
    told = [needs, f"{asks['repair']} under repair", f"{asks['hold']} on hold"]
    told.append(f"{states['healthy']} of {sum(states.values())} healthy")
    return f"{cluster['name']}: {', '.join(told)}"
