# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that say which instances are meant, beside their names."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation that modules share."""

    DOCUMENTATION = r"""
options:
  groups:
    description: Names or globs of node groups; instances whose primary is in one of them are meant.
    type: list
    elements: str
    default: []
  nodes:
    description: Names or globs of nodes; instances whose primary is one of them are meant.
    type: list
    elements: str
    default: []
  disk_templates:
    description: Names or globs of disk templates, of which the instances have one.
    type: list
    elements: str
    default: []
  os:
    description: Names or globs of operating systems, of which the instances have one.
    type: list
    elements: str
    default: []
  tags:
    description: Tags or globs of tags, of which the instances have one of their own.
    type: list
    elements: str
    default: []
"""
