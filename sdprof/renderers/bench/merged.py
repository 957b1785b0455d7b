"""Many machines in the article's table: GPU × batch size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import msgspec

from sdprof.model.bench import MATTERING_PACKAGES, BenchFile, BenchSettings, Entry, Row, Series
from sdprof.quantities import UNKNOWN, number
from sdprof.renderers.bench.improvement import improvement_text
from sdprof.renderers.printable import one_line

COMPARED = ("size", "steps", "height", "width", "dtype")


@dataclass(frozen=True)
class Line:
    """One row of a set's tables: a machine, or one of several settings that a machine measured."""

    name: str
    by_batch_size: dict[int, Series]
    superseded: int
    """Earlier series of the same settings, which are not shown."""


def render(machines: Sequence[BenchFile]) -> str:
    """Improvement of the last configuration that ran against the reference, and all seconds; differences are named.

    A set of configurations that was measured has tables of its own: a letter means something else in each.
    """
    machines = _each_once(machines)
    names = _row_names(machines)
    sets = list(dict.fromkeys(_set(series) for machine in machines for series in machine.series if series.rounds_done))
    parts = [_tables(each, machines, names) for each in sets]
    lost = [
        f"- {_text(name)}: {_text(machine.lost)}" for name, machine in zip(names, machines, strict=True) if machine.lost
    ]
    if lost:
        parts.append("\n".join(["# What is not whole\n", *lost]))
    return "\n\n".join(parts) + "\n"


def has_rounds(machines: Iterable[BenchFile]) -> bool:
    """Whether there is anything to set side by side."""
    return any(machine.rounds_done for machine in machines)


def _each_once(machines: Sequence[BenchFile]) -> tuple[BenchFile, ...]:
    """Files of one machine as one, and a series that is in several of them once, as far as it came."""
    found: dict[str, BenchFile] = {}
    for machine in machines:
        before = found.setdefault(machine.machine, machine)
        series = {(each.settings, each.started): each for each in before.series}
        for each in machine.series:
            key = (each.settings, each.started)
            if key not in series or series[key].rounds_done < each.rounds_done:
                series[key] = each
        lost = "; ".join(dict.fromkeys(each for each in (before.lost, machine.lost) if each))
        in_order = sorted(series.values(), key=lambda each: each.started)
        found[machine.machine] = msgspec.structs.replace(before, series=tuple(in_order), lost=lost)
    return tuple(found.values())


def _row_names(machines: Sequence[BenchFile]) -> tuple[str, ...]:
    """The device's name, and the machine's where several have such a device."""
    devices = [machine.device_name for machine in machines]
    return tuple(
        machine.machine if devices.count(machine.device_name) > 1 else machine.device_name for machine in machines
    )


def _tables(name: str, machines: Sequence[BenchFile], names: Sequence[str]) -> str:
    lines_of_set = [
        line for machine, row in zip(machines, names, strict=True) for line in _lines_of(machine, name, row)
    ]
    batch_sizes = sorted({size for line in lines_of_set for size in line.by_batch_size})
    head = [f"batch size {size}" for size in batch_sizes]
    lines = [f"# {_text(name)}: improvement against the reference\n"]
    lines += [f"| device | {' | '.join(head)} |", f"|---|{'---|' * len(head)}"]
    for line in lines_of_set:
        cells = [_cell(line.by_batch_size.get(size)) for size in batch_sizes]
        lines.append(f"| {_text(line.name)} | {' | '.join(cells)} |")
    for size in batch_sizes:
        having = [(line, line.by_batch_size[size]) for line in lines_of_set if size in line.by_batch_size]
        ids = sorted({entry.configuration.id for _, one in having for entry in one.entries})
        lines += ["", f"# {_text(name)}: median seconds, batch size {size}\n"]
        lines += [f"| device | {' | '.join(ids)} |", f"|---|{'---|' * len(ids)}"]
        for line, one in having:
            rows = _rows(one)
            cells = [number(rows[each].median_seconds) if each in rows else UNKNOWN for each in ids]
            lines.append(f"| {_text(line.name)} | {' | '.join(cells)} |")
    notes = [*_differences(lines_of_set), *_left_out(lines_of_set)]
    if notes:
        lines += ["", f"# {_text(name)}: what to know before comparing\n", *(f"- {_text(note)}" for note in notes)]
    return "\n".join(lines)


def _differences(lines: Sequence[Line]) -> tuple[str, ...]:
    """A sentence for everything about this set of configurations that is not the same in all rows."""
    seen: dict[str, dict[str, list[str]]] = {}
    for line in lines:
        for series in line.by_batch_size.values():
            for fact, value in _facts(series).items():
                rows = seen.setdefault(fact, {}).setdefault(value, [])
                if line.name not in rows:
                    rows.append(line.name)
    return tuple(
        f"Not the same everywhere: {fact} is "
        + "; ".join(f"{value} on {', '.join(rows)}" for value, rows in values.items())
        + "."
        for fact, values in seen.items()
        if len(values) > 1
    )


def _facts(series: Series) -> dict[str, str]:
    """What two series must share to be compared."""
    settings = next((entry.settings for entry in series.entries if entry.settings), {})
    environment = series.environment
    packages = environment.packages if environment else {}
    return {
        **{each: str(settings.get(each)) for each in COMPARED},
        "iterations": str(series.settings.n_iter),
        "seed": str(series.settings.seed),
        "weights": _weights(series),
        "threads": str(environment.threads) if environment else "unknown",
        "a worker for every run": "yes" if series.fresh_workers else "no",
        "sdprof": series.sdprof_version,
        "Python": environment.python if environment else "unknown",
        "PyTorch": environment.torch if environment else "unknown",
        **{each: packages.get(each, "not installed") for each in MATTERING_PACKAGES},
        "reference": (series.summary.reference if series.summary else None) or "none",
        "rounds": str(series.rounds_done),
    }


def _weights(series: Series) -> str:
    """The checkpoint's name alone: its folder is nobody's business."""
    return PurePath(series.settings.weights).name if series.settings.weights else "random"


def _left_out(lines: Sequence[Line]) -> Iterable[str]:
    """Sentences about what the tables do not show."""
    for line in lines:
        if line.superseded:
            benches = "bench" if line.superseded == 1 else "benches"
            is_not = "is not" if line.superseded == 1 else "are not"
            yield f"On {line.name}, {line.superseded} earlier {benches} of the same settings {is_not} shown."
        for size, series in line.by_batch_size.items():
            rows = _rows(series)
            for entry in series.entries:
                why = _no_headline(entry)
                is_reference = series.summary is not None and entry.configuration.id == series.summary.reference
                if why and not is_reference and entry.configuration.id in rows:
                    yield f"{entry.configuration.id} on {line.name}, batch size {size}, is no improvement: {why}."


def _set(series: Series) -> str:
    return f"{series.settings.target} {series.settings.configurations}"


def _lines_of(machine: BenchFile, name: str, row: str) -> list[Line]:
    """A row for each combination of settings of a set, the latest series of each; what differs is in its name."""
    latest: dict[tuple[BenchSettings, int], list[Series]] = {}
    for each in machine.series:
        if each.rounds_done and _set(each) == name:
            apart = msgspec.structs.replace(each.settings, batch_size=1)
            latest.setdefault((apart, each.settings.batch_size), []).append(each)
    variants = list(dict.fromkeys(settings for settings, _ in latest))
    lines = []
    for settings in variants:
        shown = {size: series for (those, size), series in latest.items() if those == settings}
        lines.append(
            Line(
                name=", ".join([row, *_apart(settings, variants)]),
                by_batch_size={size: series[-1] for size, series in shown.items()},
                superseded=sum(len(series) - 1 for series in shown.values()),
            )
        )
    return lines


def _apart(settings: BenchSettings, variants: Sequence[BenchSettings]) -> list[str]:
    """In what these settings differ from the machine's others."""
    names = [name for name in settings.__struct_fields__ if len({getattr(each, name) for each in variants}) > 1]
    return [f"{name.replace('_', ' ')} {_setting(name, getattr(settings, name))}" for name in names]


def _setting(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "random" if name == "weights" else "by default"
    return PurePath(value).name if name == "weights" and isinstance(value, str) else str(value)


def _cell(series: Series | None) -> str:
    """The last configuration that ran and computes the same, with its letter: E, or D where nothing compiles."""
    if series is None or series.summary is None:
        return UNKNOWN
    rows = _rows(series)
    candidates = [
        entry.configuration.id
        for entry in series.entries
        if entry.configuration.id in rows
        and entry.configuration.id != series.summary.reference
        and not _no_headline(entry)
    ]
    if not candidates:
        return UNKNOWN
    row = rows[candidates[-1]]
    shown = "" if row.verdict in ("faster", "slower") else ", not shown"
    return f"{improvement_text(row.speedup, row.rounds)} ({row.id} against {series.summary.reference}{shown})"


def _no_headline(entry: Entry) -> str:
    """Why its seconds are no improvement; empty where they are."""
    if entry.parity is not None and not entry.parity.passed:
        return "its output is NOT the same"
    if entry.numerics == "lossy" or (entry.parity is not None and not entry.parity.judged):
        return "it is lossy"
    if entry.numerics is None and entry.parity is None:
        return "its output was not compared"
    return ""


def _rows(series: Series) -> dict[str, Row]:
    rows = series.summary.rows if series.summary else ()
    return {row.id: row for row in rows if row.median_seconds is not None}


def _text(value: str) -> str:
    return one_line(value, 400).replace("|", "\\|").replace("<", "&lt;")
