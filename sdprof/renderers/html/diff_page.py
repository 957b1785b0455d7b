"""diff.html: what changed between two traces or runs, on one page that loads nothing."""

from __future__ import annotations

from markupsafe import Markup

from sdprof.model import RunDiff
from sdprof.renderers.diff_terminal import change_in_words, signed
from sdprof.renderers.html import content_security
from sdprof.renderers.html.page import asset, environment
from sdprof.renderers.short_path import place


def render(diff: RunDiff) -> str:
    """The whole page as one text, to be written as UTF-8."""
    style, script = asset("report.css"), asset("report.js")
    return (
        environment()
        .get_template("diff.html.j2")
        .render(
            diff=diff,
            style=Markup(style),  # noqa: S704 - our own file, nothing is put into it
            script=Markup(script),  # noqa: S704
            policy=content_security.policy(style, script),
            change_in_words=change_in_words,
            signed=signed,
            place=place,
        )
    )
