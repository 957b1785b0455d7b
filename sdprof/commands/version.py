"""``sdprof version``."""

from __future__ import annotations

import typer

import sdprof


def version() -> None:
    """Print the version."""
    typer.echo(sdprof.__version__)
