# SPDX-FileCopyrightText: ganeti.autorepair contributors
# SPDX-License-Identifier: GPL-3.0-or-later

"""How Sphinx makes the pages of modules and roles. Nothing is fetched: links into Ansible's own pages are left open."""

project = "ganeti.autorepair"
project_copyright = "ganeti.autorepair contributors"
extensions = ["sphinx_antsibull_ext"]
default_role = "any"
highlight_language = "YAML+Jinja"
html_theme = "sphinx_ansible_theme"
pygments_style = "ansible"
html_copy_source = False
html_show_sphinx = False
nitpicky = True
nitpick_ignore = [
    ("std:ref", "action_plugins"),
    ("std:ref", "ansible_configuration_settings"),
    ("std:ref", "common_return_values"),
]
