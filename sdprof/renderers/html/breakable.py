"""Where long names may go on in the next line."""

from __future__ import annotations

import re

from markupsafe import Markup, escape

from sdprof.renderers.printable import printable

WITHIN_A_NAME = re.compile(r"(?<=[._])(?=[^\W\d])")


def breakable(text: str) -> Markup:
    """A text whose names may break after an underscore or a dot, rather than in the middle of a word."""
    return Markup(WITHIN_A_NAME.sub("<wbr>", str(escape(printable(text)))))  # noqa: S704  escaped
