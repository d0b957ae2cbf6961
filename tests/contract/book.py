# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""All sentences in their order, and the reading of them on one side."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from contract import damage, jobs_and_tags, over_luxi, requests, settings, wellness
from contract.run import Run
from contract.sentence import Phase, Sentence, tracks
from contract.sides import Side

STEADY = frozenset({"plain", "file", "crowded", "nosuch"})  # stand where they stand while all is well
PHASES: list[Phase] = [
    *requests.PHASES,
    *over_luxi.REQUESTS,
    Phase((*wellness.APART, *jobs_and_tags.APART, *over_luxi.JOBS), apart=True, steady=STEADY),
    Phase((*jobs_and_tags.ALONE, *over_luxi.ALONE)),
    *wellness.PHASES,
    *settings.PHASES,
    *damage.PHASES,
]
SENTENCES: list[Sentence] = [one for phase in PHASES for one in phase.sentences]
READERS = 8  # tracks at once, on the side that takes time


def read(side: Side, readers: int = 1) -> dict[str, Any]:
    """Run all sentences on a side; return what each one showed, or the exception that ended it."""
    shown: dict[str, Any] = {}

    def read_track(track: list[Sentence]) -> None:
        for one in track:
            try:
                shown[one.name] = Run(side).go(one)
            except Exception as error:  # raised again by the test of this sentence
                shown[one.name] = error

    with ThreadPoolExecutor(readers) as pool:
        for phase in PHASES:
            list(pool.map(read_track, tracks(phase)))
    return shown
