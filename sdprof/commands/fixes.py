"""``sdprof fixes``."""

from __future__ import annotations

import typer


def fixes() -> None:
    """List the fixes: what sdprof can do about it, and what each does to the numbers."""
    from sdprof import listings

    typer.echo(listings.fixes())
