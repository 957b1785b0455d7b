"""A bench as a story: admit the configurations, run A B C … A B C …, write after every round."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import msgspec
from safetensors.numpy import load_file

import sdprof
from sdprof.bench.competitors import Competitors
from sdprof.bench.conditions import look
from sdprof.bench.machine_file import change_bench, file_of, machine_of, read_bench, unfinished, with_series
from sdprof.bench.order import BenchOrder
from sdprof.comparison.bench_summary import reference_of, summarise
from sdprof.comparison.parity import coarsest, compare_outputs
from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.tolerance import ROUNDING_TOLERANCE
from sdprof.fixes.registry import fix_meta
from sdprof.model import Environment, Numerics
from sdprof.model.bench import CONTROL_ENTRY, MATTERING_PACKAGES, BenchFile, BenchSettings, Configuration, Entry, Series
from sdprof.run_folder import RunFolderError
from sdprof.stages.progress import Progress, stage
from sdprof.target_index import find_target
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.launcher import Launcher, launcher
from sdprof.worker.protocol import Build, Collect, NotCollected


class BenchFailedError(Exception):
    """Nothing could be measured: one sentence that says why."""


def bench_rounds(order: BenchOrder, folder: Path, progress: Progress) -> Generator[tuple[BenchFile, Path], None, None]:
    """The machine's file after every round, each of which is on the disk by then, however this ends.

    :raises BenchFailedError: if no configuration could be had, or there is nothing to go on with.
    :raises UnreadableBenchError: if the machine's file is damaged.
    :raises RunFolderError: if it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be made ({error.strerror}); name another one with --out.") from None
    folder = folder.resolve()  # workers write into it, and may be elsewhere
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=folder) as scratch, launcher() as workers:
        environment = _look_at_machine(order, Path(scratch), workers)
        machine = machine_of(environment)
        file = file_of(machine, folder)
        if file.exists():
            machine = read_bench(file)
        elif order.resume:
            raise BenchFailedError(f"There is nothing to go on with: {file} is not there. Leave --resume away.")
        for settings in order.settings:
            series = _begun(order, settings, environment, machine)
            if series is None:
                continue
            with tempfile.TemporaryDirectory(dir=scratch) as apart:
                for state in _measure(order, series, Path(apart), workers, progress):
                    machine = change_bench(file, partial(_added, machine, state))
                    yield machine, file
    yield machine, file


def _added(known: BenchFile, state: Series, there: BenchFile | None) -> BenchFile:
    """What is in the file now, with this state of a series.

    :raises BenchFailedError: if the series grew without this bench.
    """
    machine = known if there is None else there
    for each in machine.series:
        if (each.settings, each.started) == (state.settings, state.started) and each.rounds_done >= state.rounds_done:
            raise BenchFailedError(
                f"Another bench goes on with the same rounds of batch size {state.settings.batch_size}; let it end."
            )
    return with_series(machine, state)


def _begun(order: BenchOrder, settings: BenchSettings, environment: Environment, machine: BenchFile) -> Series | None:
    """The series to run: a new one, or what is left of one that was interrupted; None where nothing is."""
    new = Series(
        settings=settings,
        rounds_wanted=order.rounds,
        wanted_reference=order.taking_part.reference,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        sdprof_version=sdprof.__version__,
        environment=environment,
        entries=(),
    )
    if not order.resume:
        return new
    begun = unfinished(machine, new)
    if begun is not None:
        then, now = _versions(begun), _versions(new)
        if then != now:
            raise BenchFailedError(
                f"Batch size {settings.batch_size} was begun by {then}, and this is {now}, so its rounds cannot be "
                "continued; leave --resume away to measure it anew."
            )
    if begun is None:
        finished = any(each.settings == settings for each in machine.series)
        return None if finished else new
    return msgspec.structs.replace(
        begun, rounds_wanted=order.rounds, interruptions=(*begun.interruptions, begun.rounds_done)
    )


def _versions(series: Series) -> str:
    environment = series.environment
    if environment is None:
        return f"sdprof {series.sdprof_version} with PyTorch unknown"
    others = [
        f"{package} {environment.packages[package]}" if package in environment.packages else f"no {package}"
        for package in MATTERING_PACKAGES
    ]
    return (
        f"sdprof {series.sdprof_version} with PyTorch {environment.torch}, {environment.threads} threads, "
        f"{', '.join(others)}"
    )


def _check_as_before(begun: Series, now: Series) -> None:
    """Rounds are only continued by the same configurations in the same way.

    :raises BenchFailedError: if something is available now that was not then, or the other way round.
    """
    then, here = _taking_part(begun), _taking_part(now)
    if then != here:
        raise BenchFailedError(
            f"Batch size {now.settings.batch_size} was begun {then}, and now it would go on {here}, so its rounds "
            "cannot be continued; leave --resume away to measure it anew."
        )


def _taking_part(series: Series) -> str:
    ids = [_named(entry.configuration) for entry in series.entries if not entry.not_available]
    reference, _ = reference_of(series.entries, series.wanted_reference)
    control = "without" if series.control_not_available else "with"
    workers = "a worker for every run" if series.fresh_workers else "a worker for each"
    return f"with {', '.join(ids)} against {reference} {control} its control, {workers}"


def _named(configuration: Configuration) -> str:
    """Its letter, and its fixes: those of an audit's plan are not always the same."""
    fixes = " + ".join(configuration.all_fixes)
    return f"{configuration.id} ({fixes})" if fixes else configuration.id


def _measure(
    order: BenchOrder, series: Series, scratch: Path, workers: Launcher, progress: Progress
) -> Iterator[Series]:
    """The series after every round."""
    settings = series.settings
    extra = {**order.taking_part.extra, **({"n_iter": str(settings.n_iter)} if order.taking_part.takes_n_iter else {})}
    title = f"Batch size {settings.batch_size}"
    with Competitors(settings, extra, scratch, workers, order.timeout_seconds) as competitors:
        with stage(progress, f"{title}: warming", len(order.taking_part.configurations) + 1):
            entries = []
            for configuration in order.taking_part.configurations:
                progress.advance(f"{configuration.id}: {configuration.label}")
                entries.append(competitors.admit(configuration))
            reference, _ = reference_of(entries, order.taking_part.reference)
            if reference is None:
                raise BenchFailedError(f"No configuration could be had here: {entries[0].not_available}")
            progress.advance("the reference again")
            again = next(each for each in order.taking_part.configurations if each.id == reference)
            control = competitors.admit(again, CONTROL_ENTRY)
        one_result = order.taking_part.one_result
        classed = tuple(_classed(entry, again) if one_result else entry for entry in entries)
        begun = series
        series = msgspec.structs.replace(
            series,
            wanted_reference=order.taking_part.reference,
            control_not_available=control.not_available,
            entries=_judged(classed, competitors, reference) if one_result else classed,
            fresh_workers=competitors.fresh_workers,
        )
        if begun.rounds_done:
            _check_as_before(begun, series)
        device = str(entries[0].settings.get("device") or settings.device)
        with stage(progress, f"{title}: rounds", order.rounds - series.rounds_done):
            for round_index in range(series.rounds_done, order.rounds):
                series = _round(series, competitors, round_index, device)
                progress.advance(f"round {round_index + 1} of {order.rounds}")
                yield series


def _round(series: Series, competitors: Competitors, round_index: int, device: str) -> Series:
    """One round more; a configuration that fails is marked in it, and the others go on."""
    conditions = look(round_index, device)
    times = RoundTimes(tuple(run for run in series.runs if run.round < round_index))
    for name in competitors.names:
        try:
            times = times.with_run(round_index, name, competitors.turn(name))
        except WorkerError as error:
            times = times.with_failure(round_index, name, error.sentence)
    after = msgspec.structs.replace(series, runs=times.runs, conditions=(*series.conditions, conditions))
    return msgspec.structs.replace(after, summary=summarise(after))


def _classed(entry: Entry, reference: Configuration) -> Entry:
    """With the class of its numerics: another target or setting than the reference's may round otherwise."""
    configuration = entry.configuration
    own: Numerics = "exact" if configuration == reference else "rounding"
    classes = (fix_meta(fix).numerics for fix in configuration.all_fixes)
    return msgspec.structs.replace(entry, numerics=coarsest((own, *classes)))


def _judged(entries: tuple[Entry, ...], competitors: Competitors, reference: str) -> tuple[Entry, ...]:
    """Every output against the reference's."""
    expected = load_file(competitors.outputs_file(reference))
    judged = []
    for entry in entries:
        if entry.not_available or entry.configuration.id == reference:
            judged.append(entry)
            continue
        dtype = entry.settings.get("dtype")
        parity = compare_outputs(
            expected,
            load_file(competitors.outputs_file(entry.configuration.id)),
            numerics=entry.numerics or "rounding",
            precision=dtype if isinstance(dtype, str) and dtype in ROUNDING_TOLERANCE else None,
        )
        judged.append(msgspec.structs.replace(entry, parity=parity))
    return tuple(judged)


def _look_at_machine(order: BenchOrder, scratch: Path, workers: Launcher) -> Environment:
    """Versions and devices, as a worker sees them; the target in it is as small as it gets."""
    target = find_target(order.taking_part.configurations[0].target)
    with Worker(
        name="the worker that looks at the machine", timeout_seconds=order.timeout_seconds, launcher=workers
    ) as worker:
        settings = order.settings[0]
        try:
            built = worker.build(
                Build(
                    target_file=str(target.path),
                    target_name=target.declaration.name,
                    options={"size": next(iter(target.declaration.sizes), None), "steps": 1, "device": settings.device},
                    threads=settings.threads,
                )
            )
            workers.learn(built.libraries)
            answer = worker.collect(Collect(collector="environment", folder=str(scratch)))
        except WorkerError as error:
            raise BenchFailedError(error.sentence) from None
    if isinstance(answer, NotCollected):
        raise BenchFailedError(answer.reason)
    return msgspec.json.decode((scratch / answer.artifact).read_bytes(), type=Environment)
