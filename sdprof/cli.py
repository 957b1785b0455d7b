"""The command line: the list of the commands, and how the program ends.

Each command is a file in ``sdprof/commands`` and imports what it calls when it is called: ``sdprof --help`` answers at
once.
"""

from __future__ import annotations

import sys
import tempfile
import traceback

import typer

from sdprof.commands.audit import audit
from sdprof.commands.audits import audits
from sdprof.commands.bench import bench
from sdprof.commands.check import check
from sdprof.commands.diff import diff
from sdprof.commands.doctor import doctor
from sdprof.commands.ending import FAILED
from sdprof.commands.fix import fix
from sdprof.commands.fixes import fixes
from sdprof.commands.report import report
from sdprof.commands.schema import schema
from sdprof.commands.targets import targets
from sdprof.commands.trace import trace
from sdprof.commands.version import version

COMMANDS = (
    audit,
    report,
    check,
    fix,
    trace,
    diff,
    audits,
    fixes,
    doctor,
    schema,
    version,
)

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Find where a PyTorch sampling loop loses time, cure it, measure again, prove that the output is the same.",
)
for command in COMMANDS:
    app.command()(command)
app.add_typer(targets, name="targets")
app.add_typer(bench, name="bench")


def main() -> None:
    """Entry point of the ``sdprof`` command: whatever happens, it ends with a sentence and an exit code."""
    try:
        app()
    except Exception as error:  # noqa: BLE001  a fault of sdprof itself must not end in a traceback
        from sdprof.stages.failure import unexpected

        with tempfile.NamedTemporaryFile("w", prefix="sdprof-failure-", suffix=".txt", delete=False) as file:
            traceback.print_exc(file=file)
        typer.echo(f"sdprof: {unexpected(error)}. The details are in {file.name}.", err=True)
        sys.exit(FAILED)
