# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes that modules of the collection have in common."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    # modules that change tags of a cluster, or submit jobs to it
    WRITES = r"""
attributes:
  check_mode:
    description: Can run in check mode. It then only reads, and returns what it would have done.
    support: full
  diff_mode:
    description: Shows the tags of each changed object, before and after.
    support: full
"""

    ACTION_GROUP = r"""
attributes:
  action_group:
    description: Is in the action group C(group/ganeti.autorepair.all), for C(module_defaults).
    support: full
    membership:
      - ganeti.autorepair.all
"""

    # modules that take the limits of a round
    ACTION_GROUP_ROUND = r"""
attributes:
  action_group:
    description:
      - Is in the action groups C(group/ganeti.autorepair.all) and, for the limits of a round,
        C(group/ganeti.autorepair.round), for C(module_defaults).
    support: full
    membership:
      - ganeti.autorepair.all
      - ganeti.autorepair.round
"""
