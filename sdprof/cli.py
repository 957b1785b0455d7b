"""The command line: parse, call, exit code; nothing else.

Commands import what they call when they are called: ``sdprof --help`` answers at once.
"""

from __future__ import annotations

import shlex
import sys
import tempfile
import traceback
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

import sdprof

if TYPE_CHECKING:
    from sdprof.pipeline import FinishedAudit
    from sdprof.stages.progress import Progress
    from sdprof.stages.request import AuditRequest

WRONG_CALL = 2
FAILED = 1
QUICK_BUDGET_SECONDS = 40.0
DEFAULT_BUDGET_SECONDS = 200.0
QUICK_GRAPH_SECONDS = 12.0

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help="Find where a PyTorch sampling loop loses time, cure it, measure again, prove that the output is the same.",
)


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


@app.command()
def audit(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Option("--target", "-t", help="A built-in target's name, a folder with target.py, or a target's file."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the result; default: reports/<target>-<time>.", show_default=False)
    ] = None,
    resume: Annotated[
        Path | None, typer.Option(help="Go on with an audit that was interrupted: do only what is missing.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="The tiny size, no compilation: done in a minute.")] = False,
    size: Annotated[str | None, typer.Option(help="Model size, as the target names it.")] = None,
    steps: Annotated[int | None, typer.Option(help="Sampling steps.", min=1)] = None,
    batch_size: Annotated[int | None, typer.Option(help="Images at once.", min=1)] = None,
    height: Annotated[int | None, typer.Option(help="Image height in pixels.", min=1)] = None,
    width: Annotated[int | None, typer.Option(help="Image width in pixels.", min=1)] = None,
    seed: Annotated[int, typer.Option(help="Seed of weights and noise.")] = 0,
    dtype: Annotated[str | None, typer.Option(help="float32, float16 or bfloat16; default: the target's.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    weights: Annotated[
        Path | None, typer.Option(help="Checkpoint (.safetensors or .ckpt); default: seeded random weights.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="NAME=VALUE for the target; may be repeated.", metavar="NAME=VALUE"),
    ] = None,
    fix: Annotated[list[str] | None, typer.Option(help="Try only this fix; may be repeated.")] = None,
    without_fix: Annotated[list[str] | None, typer.Option(help="Leave this fix out; may be repeated.")] = None,
    allow_lossy: Annotated[
        list[str] | None, typer.Option(help="Also try this fix although it changes the result; may be repeated.")
    ] = None,
    lines: Annotated[
        list[str] | None, typer.Option(help="Profile this function by line; may be repeated.", metavar="FUNC")
    ] = None,
    skip: Annotated[list[str] | None, typer.Option(help="Leave this collector out; may be repeated.")] = None,
    profile_steps: Annotated[int, typer.Option(help="Steps of a run under a profiler.", min=1)] = 4,
    budget: Annotated[
        float | None, typer.Option(help="Seconds for the comparison of variants.", min=1, show_default="200, quick 40")
    ] = None,
    timeout: Annotated[float, typer.Option(help="Longest wait in seconds for one answer of the target.", min=1)] = 900,
    threads: Annotated[int | None, typer.Option(help="Threads of PyTorch; default: PyTorch's choice.", min=1)] = None,
) -> None:
    """Audit a sampling loop: profile it, find what is wrong, try the cures, prove the gain, write the report."""
    from sdprof.progress_bar import TerminalProgress
    from sdprof.renderers.read_audit import UnreadableAuditError
    from sdprof.run_folder import RunFolderError
    from sdprof.stages.failure import AuditFailedError
    from sdprof.stages.request import AuditRequest
    from sdprof.stages.request_check import WrongCallError, checked_request
    from sdprof.target_index import TargetNotFoundError, find_target

    progress = TerminalProgress()
    folder = resume or out
    try:
        if resume is not None:
            others = [name for name in _given(context) if name != "resume"]
            if others:
                option = f"--{others[0].strip('_').replace('_', '-')}"
                raise WrongCallError(f"--resume goes on with an audit as it was begun; leave {option} away.")
            finished = _run_audit(None, resume, progress)
        else:
            if target is None:
                raise WrongCallError("Say what to audit with --target; `sdprof targets` lists what comes with sdprof.")
            found = find_target(target)
            request = checked_request(
                AuditRequest(
                    target_file=str(found.path),
                    target_name=found.declaration.name,
                    summary=found.declaration.summary,
                    options={
                        "size": size or ("tiny" if quick and "tiny" in found.declaration.sizes else None),
                        "steps": steps,
                        "batch_size": batch_size,
                        "height": height,
                        "width": width,
                        "seed": seed,
                        "dtype": dtype,
                        "device": device,
                        "weights": None if weights is None else str(weights.resolve()),
                    },
                    quick=quick,
                    profile_steps=profile_steps,
                    budget_seconds=budget or (QUICK_BUDGET_SECONDS if quick else DEFAULT_BUDGET_SECONDS),
                    timeout_seconds=timeout,
                    lines=tuple(lines or ()),
                    only_fixes=tuple(fix or ()),
                    without_fixes=tuple(without_fix or ()),
                    lossy_fixes=tuple(allow_lossy or ()),
                    threads=threads,
                    without_collectors=tuple(skip or ()),
                    collector_options={"graphs.seconds": str(QUICK_GRAPH_SECONDS)} if quick else {},
                    command=shlex.join(["sdprof", *sys.argv[1:]]),
                ),
                found.declaration,
                set_ or [],
            )
            folder = folder or _default_folder(found.declaration.name)
            finished = _run_audit(request, folder, progress)
    except (WrongCallError, TargetNotFoundError, RunFolderError, UnreadableAuditError) as error:
        _end(str(error), WRONG_CALL)
    except AuditFailedError as error:
        _end(str(error), FAILED)
    except KeyboardInterrupt:
        _end(f"Interrupted. What was collected is kept; --resume {folder} goes on with it.", FAILED)
    typer.echo(finished.summary)
    if finished.trouble:
        _end(finished.trouble, FAILED)


@app.command()
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
                _end(f"{', '.join(chosen.fixes)} would change {', '.join(each.file for each in waiting)}.", FAILED)
            typer.echo("There is nothing to fix.")
        elif write:
            written = write_fixes(chosen)
            typer.echo("\n".join(f"Wrote {file}" for file in written) or "There is nothing to write.")
        else:
            typer.echo(chosen.diff or "This audit has no source fix to offer.", nl=not chosen.diff)
    except (CannotFixError, RunFolderError, UnreadableAuditError) as error:
        _end(str(error), WRONG_CALL)


@app.command()
def targets() -> None:
    """List the targets that come with sdprof."""
    from sdprof import listings

    typer.echo(listings.targets())


@app.command()
def audits() -> None:
    """List the audits: what can be wrong with a sampling loop."""
    from sdprof import listings

    typer.echo(listings.audits())


@app.command()
def fixes() -> None:
    """List the fixes: what sdprof can do about it, and what each does to the numbers."""
    from sdprof import listings

    typer.echo(listings.fixes())


@app.command()
def doctor() -> None:
    """Say what this machine can and cannot collect, and what to do about it."""
    from sdprof.doctor import examine
    from sdprof.progress_bar import TerminalProgress

    report = examine(TerminalProgress())
    if not report.usable:
        _end(report.text, FAILED)
    typer.echo(report.text)


@app.command()
def schema() -> None:
    """Print the JSON Schema of audit.json."""
    from sdprof.renderers import json_schema

    typer.echo(json_schema.render(), nl=False)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(sdprof.__version__)


def _default_folder(target: str) -> Path:
    return Path("reports") / f"{target}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def _run_audit(request: AuditRequest | None, folder: Path, progress: Progress) -> FinishedAudit:
    from sdprof.pipeline import run_audit  # imports SciPy: a wrong call need not wait for it

    return run_audit(request, folder, progress)


def _given(context: typer.Context) -> list[str]:
    """Names of the options that the user wrote."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]


def _end(sentence: str, code: int) -> NoReturn:
    typer.echo(f"sdprof: {sentence}", err=True)
    raise typer.Exit(code)
