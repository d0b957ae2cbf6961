# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Options that select instances by more than their names."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  groups:
    description: Names or globs of node groups. Only instances whose primary is in one of them are selected.
    type: list
    elements: str
    default: []
  nodes:
    description: Names or globs of nodes. Only instances whose primary is one of them are selected.
    type: list
    elements: str
    default: []
  disk_templates:
    description: Names or globs of disk templates. Only instances with one of them are selected.
    type: list
    elements: str
    default: []
  os:
    description: Names or globs of operating systems. Only instances with one of them are selected.
    type: list
    elements: str
    default: []
  tags:
    description: Tags or globs of tags. Only instances that have one of them themselves are selected.
    type: list
    elements: str
    default: []
"""
