"""``sdprof diff``: what changed between two traces, or two runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdprof.commands.ending import WRONG_CALL, end


def diff(
    before: Annotated[Path, typer.Argument(help="A trace, or an audit's folder.", metavar="A")],
    after: Annotated[Path, typer.Argument(help="Another of the same sort.", metavar="B")],
    out: Annotated[Path | None, typer.Option(help="Folder for diff.html and diff.json.", show_default=False)] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Compare two traces or two runs: the biggest change first, with what was added and what is gone."""
    from sdprof.diff_pipeline import run_diff
    from sdprof.facts.trace_file.trace_error import TraceError
    from sdprof.renderers.read_audit import UnreadableAuditError
    from sdprof.run_folder import RunFolderError
    from sdprof.stages.compare_recorded import IncomparableError

    try:
        finished = run_diff(before, after, out)
    except (TraceError, UnreadableAuditError, RunFolderError, IncomparableError) as error:
        end(str(error), WRONG_CALL)
    typer.echo(finished.json if json else finished.summary, nl=False)
