"""``sdprof doctor``."""

from __future__ import annotations

import typer

from sdprof.commands.ending import FAILED, end


def doctor() -> None:
    """Say what this machine can and cannot collect, and what to do about it."""
    from sdprof.doctor import examine
    from sdprof.progress_bar import TerminalProgress

    report = examine(TerminalProgress())
    if not report.usable:
        end(report.text, FAILED)
    typer.echo(report.text)
