"""``sdprof bench``: whole configurations against each other, and many machines in one table."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sdprof.commands.ending import FAILED, WRONG_CALL, end

if TYPE_CHECKING:
    from sdprof.bench.cluster_files import ClusterFiles
    from sdprof.bench.order import BenchOrder

bench = typer.Typer(rich_markup_mode=None)


@bench.callback(invoke_without_command=True)
def run(
    context: typer.Context,
    target: Annotated[str, typer.Option("--target", "-t", help="What to bench: sd21.")] = "sd21",
    configs: Annotated[
        str,
        typer.Option(
            help="Set of configurations: seed (the article's five), rivals, recipes, sampler, samplers, "
            "image-to-image, inpainting, training."
        ),
    ] = "seed",
    batch_size: Annotated[str, typer.Option(help="Images at once; several with commas: 1,2,4.")] = "1",
    rounds: Annotated[int, typer.Option(help="Rounds A B C D E; every one is a run of each.", min=1)] = 10,
    size: Annotated[str | None, typer.Option(help="Model size; default: the targets' for this device.")] = None,
    steps: Annotated[int | None, typer.Option(help="Sampling steps.", min=1)] = None,
    height: Annotated[int | None, typer.Option(help="Image height in pixels.", min=1)] = None,
    width: Annotated[int | None, typer.Option(help="Image width in pixels.", min=1)] = None,
    dtype: Annotated[str | None, typer.Option(help="Autocast type; default: float16 on CUDA, none on a CPU.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    seed: Annotated[int, typer.Option(help="Seed of weights and noise.")] = 1,
    n_iter: Annotated[int, typer.Option(help="Batches of a run, in the set seed.", min=1)] = 2,
    weights: Annotated[Path | None, typer.Option(help="Checkpoint; default: seeded random weights.")] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            help="A finished audit's folder: its plan takes part in place of the set's own.", show_default=False
        ),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads of PyTorch.", min=1)] = None,
    fresh_workers: Annotated[
        bool, typer.Option("--fresh-workers", help="Start every run anew: where the device cannot hold all at once.")
    ] = False,
    timeout: Annotated[float, typer.Option(help="Longest wait in seconds for one run.", min=1)] = 1800,
    out: Annotated[
        Path | None, typer.Option(help="Folder; default: reports/bench-<target>.", show_default=False)
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Run on every distinct accelerator of the Ray cluster at this address (auto: this machine's)."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Do the rounds that an interrupted bench lacks.")] = False,
) -> None:
    """Run a published benchmark as it was designed: A B C D E, A B C D E, …, with what is needed to believe it."""
    if context.invoked_subcommand is not None:
        _refuse_what_is_ignored(context, context.invoked_subcommand)
        return
    from sdprof.bench.machine_file import UnreadableBenchError
    from sdprof.bench.order import make_order
    from sdprof.bench.run import BenchFailedError
    from sdprof.model.bench import BenchSettings
    from sdprof.renderers.read_audit import UnreadableAuditError, read_audit
    from sdprof.run_folder import RunFolderError
    from sdprof.stages.request_check import WrongCallError
    from sdprof.target_index import TargetNotFoundError

    folder = out or Path("reports") / f"bench-{target}"
    try:
        order = make_order(
            BenchSettings(
                target=target,
                configurations=configs,
                size=size,
                steps=steps,
                batch_size=1,
                height=height,
                width=width,
                dtype=dtype,
                device=device,
                seed=seed,
                n_iter=n_iter,
                weights=None if weights is None else str(weights.resolve()),
                threads=threads,
                fresh_workers=fresh_workers,
            ),
            batch_size,
            rounds=rounds,
            timeout_seconds=timeout,
            resume=resume,
            plan=None if plan is None else (read_audit(plan), str(plan)),
        )
        if ray is not None:
            _on_cluster(ray, order, folder)
        else:
            _here(order, folder)
    except (WrongCallError, TargetNotFoundError, UnreadableBenchError, UnreadableAuditError) as error:
        end(str(error), WRONG_CALL)
    except (BenchFailedError, RunFolderError) as error:
        end(str(error), FAILED)
    except OSError as error:
        end(f"{error.filename or folder} cannot be used ({error.strerror or error}); name another --out.", FAILED)
    except KeyboardInterrupt:
        end("Interrupted. Rounds that were finished are kept.", FAILED)


def _refuse_what_is_ignored(context: typer.Context, command: str) -> None:
    """An option of the bench before a command's name does nothing, which nobody would notice."""
    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            end(f"{option} before {command} is an option of the bench; those of {command} come after it.", WRONG_CALL)


def _here(order: BenchOrder, folder: Path) -> None:
    """The bench of this machine; its tables are written however it ends."""
    from sdprof.bench.publish import publish
    from sdprof.bench.run import BenchFailedError, bench_rounds
    from sdprof.progress_bar import TerminalProgress
    from sdprof.renderers.bench import markdown

    last = None
    try:
        with closing(bench_rounds(order, folder, TerminalProgress())) as states:
            for last in states:  # noqa: B007 - each is on the disk already
                pass
    except BenchFailedError:
        if last is not None:
            publish(*last)
        raise
    except KeyboardInterrupt:
        if last is not None:
            publish(*last)
            end(f"Interrupted. All finished rounds are kept in {folder}; the same call with --resume goes on.", FAILED)
        again = "goes on" if order.resume else "begins anew"
        end(f"Interrupted before a round was finished; the same call {again}.", FAILED)
    assert last is not None, "the last state comes although nothing was left to do"
    machine, file = last
    written = publish(machine, file)
    typer.echo(markdown.render(machine))
    typer.echo(f"Written: {', '.join(str(each) for each in (file, *written))}")


def _on_cluster(address: str, order: BenchOrder, folder: Path) -> None:
    """One file for each kind of accelerator, added to after every round, and the merged table."""
    from sdprof.bench.cluster import bench_everywhere
    from sdprof.bench.cluster_files import ClusterFiles
    from sdprof.bench.on_ray import RayCluster, RayUnavailableError

    if order.resume:
        end("--resume goes on with this machine's bench; a cluster's is run anew. Leave one of them away.", WRONG_CALL)
    try:
        cluster = RayCluster(address, order)
    except RayUnavailableError as error:
        end(str(error), FAILED)
    nodes = cluster.nodes()
    if not nodes:
        end(f"The Ray cluster at {address} has no machine alive with a processor to compute with.", FAILED)
    files = ClusterFiles(folder, (node.accelerator for node in nodes))
    folder.mkdir(parents=True, exist_ok=True)
    longest = order.timeout_seconds * (1 + len(order.taking_part.configurations))
    try:
        for accelerator, machine in bench_everywhere(cluster, silence_seconds=longest):
            files.take(accelerator, machine)
            done = ", ".join(f"batch size {each.settings.batch_size}: {each.rounds_done}" for each in machine.series)
            typer.echo(f"{accelerator}: {machine.lost or 'rounds, ' + done}", err=True)
    except KeyboardInterrupt:
        if not files.written():
            end("Interrupted before any machine sent a round; the same call begins anew.", FAILED)
        _publish_all(files, folder)
        end(f"Interrupted. All rounds that came are kept in {folder}; the same call begins anew beside them.", FAILED)
    _publish_all(files, folder)
    if any(machine.lost for _, machine in files.written()):
        end("Not every accelerator came to its end; the table says which did not.", FAILED)


def _publish_all(files: ClusterFiles, folder: Path) -> None:
    """What people read, of every machine and of all together."""
    from sdprof.bench.publish import publish
    from sdprof.renderers.bench import merged
    from sdprof.run_folder import write_whole

    for file, machine in files.written():
        publish(machine, file)
    text = merged.render([machine for _, machine in files.written()])
    typer.echo(text)
    typer.echo(f"Written: {write_whole(folder / 'merged.md', text.encode())}")


@bench.command()
def merge(
    files: Annotated[list[Path], typer.Argument(help="Files of machines, *.bench.json.")],
    out: Annotated[Path | None, typer.Option(help="Markdown file to write; default: print it.")] = None,
) -> None:
    """Set many machines side by side: device × batch size, and everything that differs between them in words."""
    from sdprof.bench.machine_file import UnreadableBenchError, read_bench
    from sdprof.renderers.bench import merged
    from sdprof.run_folder import RunFolderError, write_whole

    try:
        machines = [read_bench(file) for file in files]
        if not merged.has_rounds(machines):
            end(f"There are no rounds in {', '.join(map(str, files))}: nothing to set side by side.", WRONG_CALL)
        text = merged.render(machines)
        if out is None:
            typer.echo(text)
        else:
            typer.echo(f"Written: {write_whole(out, text.encode())}")
    except UnreadableBenchError as error:
        end(str(error), WRONG_CALL)
    except RunFolderError as error:
        end(str(error), FAILED)
