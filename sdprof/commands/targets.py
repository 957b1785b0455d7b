"""``sdprof targets``."""

from __future__ import annotations

import typer


def targets() -> None:
    """List the targets that come with sdprof."""
    from sdprof import listings

    typer.echo(listings.targets())
