"""``sdprof report``: render an audit again, from audit.json alone."""

from __future__ import annotations

import shutil
import sys
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from sdprof.commands.ending import FAILED, WRONG_CALL, end
from sdprof.renderers.format_names import FormatName


def report(
    run: Annotated[Path, typer.Argument(help="A run's folder, or an audit.json.", show_default=False)],
    format_: Annotated[
        FormatName, typer.Option("--format", "-f", help="What to write; html becomes a file, the others are printed.")
    ] = "html",
    out: Annotated[
        Path | None, typer.Option(help="File to write; default for html: report.html in the run's folder.")
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Open the report in a browser.")] = False,
) -> None:
    """Write the report of a finished audit again: as a page, or for a machine to read."""
    from sdprof.renderers.formats import FORMATS, Surroundings
    from sdprof.renderers.read_audit import UnreadableAuditError, read_audit
    from sdprof.run_folder import RunFolderError, write_whole

    if open_ and format_ != "html":
        end(f"--open shows the page; it does not go with --format {format_}.", WRONG_CALL)
    try:
        result = read_audit(run)
    except UnreadableAuditError as error:
        end(str(error), WRONG_CALL)
    text = FORMATS[format_].render(
        result,
        Surroundings(
            width=shutil.get_terminal_size().columns,
            color=out is None and sys.stdout.isatty(),
            root=str(Path.cwd()),
        ),
    )
    if out is None and format_ != "html":
        typer.echo(text, nl=False)
        return
    file = out or (run if run.is_dir() else run.parent) / FORMATS[format_].file
    if file.is_dir():
        file /= FORMATS[format_].file
    try:
        write_whole(file, text.encode())
    except RunFolderError as error:
        end(f"{str(error).rstrip('.')}; name another file with --out.", FAILED)
    typer.echo(str(file))
    if open_ and not webbrowser.open(file.resolve().as_uri()):
        end(f"No browser was found here; open {file} in one.", FAILED)
