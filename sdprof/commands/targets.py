"""``sdprof targets``: list them, and fetch the code that one does not carry."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sdprof.commands.ending import FAILED, WRONG_CALL, end

targets = typer.Typer(rich_markup_mode=None)


@targets.callback(invoke_without_command=True)
def list_targets(context: typer.Context) -> None:
    """List the targets that come with sdprof."""
    from sdprof import listings

    if context.invoked_subcommand is None:
        typer.echo(listings.targets())


@targets.command()
def fetch(
    target: Annotated[str, typer.Argument(help="A target's name or folder.")],
    wheels: Annotated[
        Path | None, typer.Option(help="Take the wheel from this folder: for a machine without a package index.")
    ] = None,
) -> None:
    """Fetch the published code that a target runs, once, into a cache folder; nothing is installed."""
    from sdprof.fetched_code import FetchError, fetch_code
    from sdprof.target_index import TargetNotFoundError, find_target

    try:
        typer.echo(f"The code lies in {fetch_code(find_target(target).path.parent, wheels=wheels)}.")
    except TargetNotFoundError as error:
        end(str(error), WRONG_CALL)
    except FetchError as error:
        end(str(error), FAILED)
