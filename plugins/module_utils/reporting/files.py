# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: a report as files in a folder; each file is replaced atomically."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..errors import AutorepairError, BadOption
from ..ganeti.answers import decoded
from ..ganeti.usable import is_size
from ..printable import printable
from .folder import read_text, write_texts
from .looked import in_trouble
from .metrics import metrics
from .page.page import Page, page_of
from .schema import ClusterReport, Report
from .summary import Look, part_of, report_of, without_healthy

ALL, METRICS, CLUSTERS = "index", "ganeti_autorepair.prom", "clusters"
LONGEST = 250  # characters of a file's name without its extension; file systems allow 255 in all
_SHOWN = 3  # files that an error names
Files = Mapping[str, str]  # their texts, by their paths in the folder
Render = Callable[[Page], str]  # returns the HTML of a page


class CannotWrite(AutorepairError):
    """The folder, or a file in it, can't be written or read."""


@dataclass(frozen=True)
class Written:
    """A report and its `files`; `changed` are the paths of those that differ from `before`, their former texts, in more
    than the time at which the clusters were read."""

    report: Report
    files: Files
    before: Files
    changed: tuple[str, ...]


def paths_of(clusters: Sequence[str]) -> Sequence[str]:
    """The paths of the files of a report on `clusters`. Raises BadOption."""
    if not clusters:
        raise BadOption("clusters is empty; there is nothing to report on")
    if len(set(clusters)) != len(clusters):
        raise BadOption("clusters has two of one name; each needs its own")
    names = [f"{CLUSTERS}/{file_name(name)}" for name in clusters]
    return [f"{ALL}.html", f"{ALL}.json", METRICS, *(f"{name}.{kind}" for name in names for kind in ("html", "json"))]


def read_files(folder: Path, paths: Sequence[str]) -> Files:
    """The texts of the files in `folder`; empty for a file that is not there. Raises CannotWrite."""
    try:
        return {path: read_text(folder, path) for path in paths}
    except OSError as error:
        raise CannotWrite(f"cannot read the report in {folder}, which is to be replaced: {error}") from error


def plan_files(before: Files, looks: Sequence[Look], now: int, render: Render) -> Written:
    """The new files for `looks`, at `now` (seconds since the epoch), and which of them differ from those `before`.

    What the looks don't know comes from the files before: when a cluster that can't be read now was last read, and when
    the last round ran. Raises BadOption.
    """
    former = {look.name: _former(before, look.name) for look in looks}
    looks = [_with_former(look, former[look.name]) for look in looks]
    report = report_of(looks, now)
    files = {path: make() for path, make in _files(report, render).items()}
    then = _files(_as_of(report, former, _former_time(before, now)), render)
    changed = tuple(path for path in files if not before[path] or before[path] != then[path]())
    return Written(report, files, before, changed)


def write_files(folder: Path, files: Files) -> None:
    """Write `files` below `folder`, each to a temporary file that then replaces the old one. Where some files can't be
    written, writes the others and then raises CannotWrite."""
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
    """The name of a cluster's files, without the extension; no two clusters have the same."""
    whole = quote(cluster, safe=" ", errors="backslashreplace")
    if len(whole) <= LONGEST:
        return whole
    digest = hashlib.sha256(cluster.encode("utf-8", "backslashreplace")).hexdigest()[:32]
    return f"{whole[:200]}+{digest}"  # no other name has a plus: it would be quoted


# --- the parts -------------------------------------------------------------------------------------------------------


def _files(report: Report, render: Render) -> Mapping[str, Callable[[], str]]:
    """The functions that return the text of each file."""
    links = {cluster["name"]: f"{CLUSTERS}/{quote(file_name(cluster['name']))}.html" for cluster in report["clusters"]}
    whole = without_healthy(report)
    files: dict[str, Callable[[], str]] = {
        f"{ALL}.html": lambda: render(page_of(whole, "All clusters", links)),
        f"{ALL}.json": partial(_json, whole),
        METRICS: partial(metrics, report),
    }
    for cluster in report["clusters"]:
        part, name = part_of(report, cluster), cluster["name"]
        files[f"{CLUSTERS}/{file_name(name)}.html"] = partial(_page_of_one, part, name, render)
        files[f"{CLUSTERS}/{file_name(name)}.json"] = partial(_json, part)
    return files


def _page_of_one(report: Report, cluster: str, render: Render) -> str:
    return render(page_of(report, cluster, {}, up=f"../{ALL}.html"))


def _json(report: Report) -> str:
    return json.dumps(report, indent=1, sort_keys=True) + "\n"


def _with_former(look: Look, former: Mapping[str, Any]) -> Look:
    return replace(
        look,
        time=former.get("time") if look.facts is None else look.time,
        last_round=former.get("last_round") if look.last_round is None else look.last_round,
    )


def _as_of(report: Report, former: Mapping[str, Mapping[str, Any]], made: int) -> Report:
    """`report` with the times of the former files, so that a comparison with them ignores times."""
    clusters = [_cluster_as_of(cluster, former[cluster["name"]]) for cluster in report["clusters"]]
    return {**report, "time": made, "clusters": clusters}


def _cluster_as_of(cluster: ClusterReport, former: Mapping[str, Any]) -> ClusterReport:
    seen = cluster["seen"]
    if not seen:
        return cluster
    looked = seen["looked"]
    if looked:
        seen = {**seen, "looked": {**looked, "time": former.get("nodes_time", looked["time"])}}
    return {**cluster, "time": former.get("time", cluster["time"]), "seen": seen}


def _former(before: Files, cluster: str) -> Mapping[str, Any]:
    """The times in the former file of a cluster; empty if it can't be used."""
    report = _report_in(before[f"{CLUSTERS}/{file_name(cluster)}.json"])
    found = report.get("clusters")
    entry = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    seen = entry.get("seen")
    looked = seen.get("looked") if isinstance(seen, dict) else None
    times = {**entry, "nodes_time": looked.get("time") if isinstance(looked, dict) else None}
    return {key: times[key] for key in ("time", "last_round", "nodes_time") if is_size(times.get(key))}


def _former_time(before: Files, now: int) -> int:
    made = _report_in(before[f"{ALL}.json"]).get("time")
    return made if isinstance(made, int) and is_size(made) else now


def _report_in(text: str) -> Mapping[str, Any]:
    try:
        found = decoded((text or "{}").encode())
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def differences(written: Written) -> Iterable[Mapping[str, str]]:
    """The files that changed, before and after, for `--diff`; without the pages, as nobody reads HTML there."""
    for path in written.changed:
        if not path.endswith(".html"):
            head = {"before_header": path, "after_header": path}
            before = "\n".join(map(printable, written.before[path].split("\n")))  # others may have written it
            yield {**head, "before": before, "after": written.files[path]}


def lines(report: Report, folder: Path) -> list[str]:
    """One line for each cluster of `report`, and one that says where the page is."""
    return [_line(cluster) for cluster in report["clusters"]] + [f"see {folder / ALL}.html"]


def _line(cluster: ClusterReport) -> str:
    if cluster["seen"] is None:
        return f"{cluster['name']}: could not be read: {printable(cluster['error'] or '')}"
    counts, sick = cluster["seen"]["counts"], len(in_trouble(cluster["seen"]))
    asks, states, nodes = counts["attention"], counts["states"], counts["nodes"]
    needs = f"{asks['person']} {'needs' if asks['person'] == 1 else 'need'} a person"
    told = [needs, f"{asks['repair']} under repair", f"{asks['hold']} on hold"]
    told.append(f"{states['healthy']} of {sum(states.values())} healthy")
    told.append(f"{sick} of {sum(nodes.values())} nodes in trouble" if cluster["seen"]["looked"] else "nodes not asked")
    return f"{cluster['name']}: {', '.join(told)}"
