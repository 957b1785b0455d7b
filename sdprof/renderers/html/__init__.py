"""report.html: one page, no outside request, readable without JavaScript."""

from sdprof.renderers.html.page import render

__all__ = ["render"]
