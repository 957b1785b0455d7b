"""``sdprof audit``: the whole story in one command."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdprof.commands.ending import FAILED, WRONG_CALL, end

if TYPE_CHECKING:
    from sdprof.pipeline import FinishedAudit
    from sdprof.stages.progress import Progress
    from sdprof.stages.request import AuditRequest


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
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or simulated.")] = "auto",
    no_values: Annotated[
        bool,
        typer.Option("--no-values", help="With --device simulated: operations, memory and a bound for known GPUs."),
    ] = False,
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
        float | None,
        typer.Option(
            help="Seconds for the comparison of variants.", min=1, show_default="120, or the fewest rounds; quick 40"
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(help="Longest wait in seconds for one answer of the target.", min=1)] = 900,
    threads: Annotated[
        int | None,
        typer.Option(help="Threads of PyTorch; default: PyTorch's choice, 1 for --quick at the tiny size.", min=1),
    ] = None,
) -> None:
    """Audit a sampling loop: profile it, find what is wrong, try the cures, prove the gain, write the report."""
    from sdprof.progress_bar import TerminalProgress
    from sdprof.renderers.read_audit import UnreadableAuditError
    from sdprof.run_folder import RunFolderError
    from sdprof.stages.failure import AuditFailedError
    from sdprof.stages.order import default_folder, order
    from sdprof.stages.request_check import WrongCallError
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
            request = order(
                found,
                quick=quick,
                size=size,
                steps=steps,
                batch_size=batch_size,
                height=height,
                width=width,
                seed=seed,
                dtype=dtype,
                device=device,
                without_values=no_values,
                weights=weights,
                settings=set_ or (),
                fixes=fix or (),
                without_fixes=without_fix or (),
                lossy_fixes=allow_lossy or (),
                lines=lines or (),
                skip=skip or (),
                profile_steps=profile_steps,
                budget_seconds=budget,
                timeout_seconds=timeout,
                threads=threads,
                command=shlex.join(["sdprof", *sys.argv[1:]]),
            )
            folder = folder or default_folder(found)
            finished = _run_audit(request, folder, progress)
    except (WrongCallError, TargetNotFoundError, RunFolderError, UnreadableAuditError) as error:
        end(str(error), WRONG_CALL)
    except AuditFailedError as error:
        end(str(error), FAILED)
    except KeyboardInterrupt:
        end(f"Interrupted. What was collected is kept; --resume {folder} goes on with it.", FAILED)
    typer.echo(finished.summary)
    if finished.trouble:
        end(finished.trouble, FAILED)


def _run_audit(request: AuditRequest | None, folder: Path, progress: Progress) -> FinishedAudit:
    from sdprof.pipeline import run_audit  # imports SciPy: a wrong call need not wait for it

    return run_audit(request, folder, progress)


def _given(context: typer.Context) -> list[str]:
    """Names of the options that the user wrote."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return [name for name, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
