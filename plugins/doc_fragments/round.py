# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say what a round may touch."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  instances:
    description:
      - Names or globs of the instances that the round is limited to; a name may leave its domain out. All if empty.
      - A name that matches no instance fails the module, before anything is written.
    type: list
    elements: str
    default: []
  groups:
    description:
      - Names or globs of the node groups whose instances the round is limited to; the group of the primary counts.
      - A name that matches no group fails the module, before anything is written.
    type: list
    elements: str
    default: []
  max_in_flight:
    description:
      - Number of repairs that may be under way at once. A new one begins only below it; those that have begun go on.
        Instances that are down go first.
    type: int
    default: 10
  retries:
    description:
      - How often a step of a repair is taken again when its job has failed, before the repair ends with a failure. Only
        what is safe to repeat is repeated, after a pause of one minute that doubles each time.
      - A step that found no resources is taken again without end; the pauses grow to an hour.
    type: int
    default: 2
"""
