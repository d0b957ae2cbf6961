# SPDX-FileCopyrightText: ganeti.autorepair contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Render: a page of the report as HTML, by Jinja2 templates, on the controller, which has Jinja2 as Ansible needs it.

Whatever a template puts into the page is escaped, so that text from a cluster can never become a part of the page's own
code. What a browser must not show is replaced in the page as a whole, whichever way it came there.
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
    """What makes HTML of a page. Each file in the folder `own` takes the place of the one of its name in `TEMPLATES`.

    Each template is compiled once. Raises BadOption for a folder that can't be used, and so does what is returned.
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
    """A name, with a place before its domain at which a narrow page can break it."""
    return Markup(str.replace(escape(name), ".", "<wbr>.", 1))


def after_colons(line: str) -> Markup:
    """A command or a tag, with a place after each colon at which a narrow page can break it."""
    return Markup(str.replace(escape(line), ":", ":<wbr>"))


def _source(name: str, own: Path | None) -> str:
    """Our own code, or the user's, as it stands in the page; it must not hold what would end its element."""
    path = own / name if own and (own / name).exists() else TEMPLATES / name
    try:
        source = path.read_text("utf-8")  # with the line breaks that a browser makes of any
    except (OSError, UnicodeError) as error:
        raise BadOption(f"cannot read {path}: {error}") from error
    if "</" in source:
        raise BadOption(f"cannot use {path}: it holds </, which would end it in a page")
    return UNSHOWABLE.sub(REPLACED, source)


def _hash(source: str) -> str:
    """How a page's policy names code that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


def _told(error: Exception) -> str:
    """An error, and where in which template it is."""
    inside = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".j2")]
    where = f"{Path(inside[-1].filename).name}, line {inside[-1].lineno}: " if inside else ""
    return f"{where}{error}"
