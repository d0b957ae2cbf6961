# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render: a page of the report as HTML, with Jinja2 templates. It runs on the controller, where Ansible needs Jinja2.

Whatever a template inserts is escaped, so text from a cluster can never become code of the page. Characters that a
browser must not show are replaced at the end, in the page as a whole.
"""

from __future__ import annotations

import base64
import hashlib
import traceback
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from markupsafe import Markup, escape

from ansible_collections.ganeti.autorepair.plugins.module_utils.errors import BadOption
from ansible_collections.ganeti.autorepair.plugins.module_utils.printable import REPLACED, UNSHOWABLE
from ansible_collections.ganeti.autorepair.plugins.module_utils.reporting.page.page import Page

TEMPLATES = Path(__file__).with_name("templates")
MAIN, STYLE, SCRIPT = "page.html.j2", "style.css", "script.js"


def renderer(own: Path | None = None) -> Callable[[Page], str]:
    """Return a function that renders a page as HTML. A file in the folder `own` replaces the one in `TEMPLATES`.

    Each template is compiled once. This and the returned function raise BadOption if `own` can't be used.
    """
    if own is not None and not any((own / path.name).is_file() for path in TEMPLATES.iterdir()):
        raise BadOption(f"cannot use the templates in {own}: none of its files has the name of one in {TEMPLATES}")
    environment = _environment([own, TEMPLATES] if own else [TEMPLATES])
    style, script = (_source(name, own) for name in (STYLE, SCRIPT))
    code = {"style": Markup(style), "script": Markup(script), "style_hash": _hash(style), "script_hash": _hash(script)}

    def render(page: Page) -> str:
        try:
            html = environment.get_template(MAIN).render(page=page, **code)
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            if own is None:
                raise
            raise BadOption(f"cannot render the page with the templates in {own}: {_told(error)}") from error
        return UNSHOWABLE.sub(REPLACED, html)

    return render


def _environment(folders: list[Path]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters.update(before_dot=before_dot, after_colons=after_colons)
    return environment


def before_dot(name: str) -> Markup:
    """A name, with a line break opportunity before its domain."""
    return Markup(str.replace(escape(name), ".", "<wbr>.", 1))


def after_colons(line: str) -> Markup:
    """A command or a tag, with a line break opportunity after each colon."""
    return Markup(str.replace(escape(line), ":", ":<wbr>"))


def _source(name: str, own: Path | None) -> str:
    """The style or the script, ours or the user's, for the page. Raises BadOption if it would end its own element."""
    path = own / name if own and (own / name).exists() else TEMPLATES / name
    try:
        source = path.read_text("utf-8")  # with line breaks as a browser normalises them
    except (OSError, UnicodeError) as error:
        raise BadOption(f"cannot read {path}: {error}") from error
    if "</" in source:
        raise BadOption(f"cannot use {path}: it holds </, which would end it in a page")
    return UNSHOWABLE.sub(REPLACED, source)


def _hash(source: str) -> str:
    """The hash by which the content security policy allows `source`."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _told(error: Exception) -> str:
    """An error, with its template and line."""
    inside = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
    where = f"{Path(inside[-1].filename).name}, line {inside[-1].lineno}: " if inside else ""
    return f"{where}{error}"
