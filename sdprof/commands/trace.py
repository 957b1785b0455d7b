"""``sdprof trace``: the audit of what was recorded elsewhere."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from sdprof.commands.ending import WRONG_CALL, end


def trace(
    files: Annotated[
        list[Path], typer.Argument(help="Traces that torch.profiler exported, plain or gzip.", metavar="FILE…")
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder for the result; default: reports/<trace>-<time>.", show_default=False)
    ] = None,
) -> None:
    """Read recorded traces: where the GPU's time went, why it stood idle, what copied and what waited."""
    from sdprof.facts.trace_file.trace_error import TraceError
    from sdprof.progress_bar import TerminalProgress
    from sdprof.run_folder import RunFolderError
    from sdprof.trace_pipeline import run_trace_audit, trace_name

    name = trace_name(files[0]) if len(files) == 1 else "traces"
    folder = out or Path("reports") / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    try:
        finished = run_trace_audit(files, folder, shlex.join(["sdprof", *sys.argv[1:]]), TerminalProgress())
    except (TraceError, RunFolderError) as error:
        end(str(error), WRONG_CALL)
    typer.echo(finished.summary)
