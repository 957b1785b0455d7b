"""``sdprof audits``."""

from __future__ import annotations

import typer


def audits() -> None:
    """List the audits: what can be wrong with a sampling loop."""
    from sdprof import listings

    typer.echo(listings.audits())
