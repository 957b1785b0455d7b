"""How a command ends that cannot go on: one sentence and an exit code."""

from __future__ import annotations

from typing import NoReturn

import typer

FAILED = 1
"""What was asked for was tried and did not come out well."""
WRONG_CALL = 2
"""What was asked for makes no sense."""


def end(sentence: str, code: int) -> NoReturn:
    """Say the sentence on standard error and leave with ``code``."""
    typer.echo(f"sdprof: {sentence}", err=True)
    raise typer.Exit(code)
