"""``sdprof fix``: show the source fixes that an audit has proven, or write them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdprof.commands.ending import FAILED, WRONG_CALL, end


def fix(
    run: Annotated[Path, typer.Argument(help="An audit's folder.", show_default=False)],
    only: Annotated[list[str] | None, typer.Option(help="Only this fix; may be repeated.", metavar="ID")] = None,
    write: Annotated[bool, typer.Option("--write", help="Change the files, if they are as they were audited.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="For CI: end with code 1 if there is something to fix.")
    ] = False,
) -> None:
    """Show the source fixes that an audit has proven, or write them into the files."""
    from sdprof.renderers.read_audit import UnreadableAuditError
    from sdprof.run_folder import RunFolderError
    from sdprof.source_fixes import CannotFixError, read_fixes, write_fixes

    try:
        chosen = read_fixes(run, only or ())
        waiting = chosen.waiting
        if check:
            if waiting:
                end(f"{', '.join(chosen.fixes)} would change {', '.join(each.file for each in waiting)}.", FAILED)
            typer.echo("There is nothing to fix.")
        elif write:
            written = write_fixes(chosen)
            typer.echo("\n".join(f"Wrote {file}" for file in written) or "There is nothing to write.")
        else:
            typer.echo(chosen.diff or "This audit has no source fix to offer.", nl=not chosen.diff)
    except (CannotFixError, RunFolderError, UnreadableAuditError) as error:
        end(str(error), WRONG_CALL)
