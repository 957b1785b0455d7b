"""``sdprof schema``."""

from __future__ import annotations

import typer


def schema() -> None:
    """Print the JSON Schema of audit.json."""
    from sdprof.renderers import json_schema

    typer.echo(json_schema.render(), nl=False)
