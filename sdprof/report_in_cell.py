"""A result at the end of a notebook's cell shows as its report."""

from __future__ import annotations

import html
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sdprof.model import AuditResult

HEIGHT_PX = 760


def show_results(shell: Any) -> None:
    """Tell an IPython shell how results look."""
    from sdprof.model import AuditResult

    shell.display_formatter.formatters["text/html"].for_type(AuditResult, as_html)


def show_where_cells_are() -> None:
    """The same where IPython is running, whether or not the extension was loaded."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        show_results(shell)


def as_html(result: AuditResult) -> str:
    """The whole report in a frame of its own: its styles and scripts touch nothing of the notebook."""
    from sdprof.renderers.html import render

    page = html.escape(render(result), quote=True)
    title = html.escape(f"sdprof: {result.target.name}", quote=True)
    return (
        f'<iframe title="{title}" sandbox="allow-scripts" srcdoc="{page}" '
        f'style="width: 100%; height: {HEIGHT_PX}px; border: 1px solid #ccc"></iframe>'
    )
