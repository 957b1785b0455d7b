"""Many machines in the article's table: GPU × batch size."""

from __future__ import annotations

from collections.abc import Sequence

from sdprof.model.bench import BenchFile, Row, Series
from sdprof.quantities import UNKNOWN, number
from sdprof.renderers.bench.improvement import improvement_text
from sdprof.renderers.printable import one_line

COMPARED = ("size", "steps", "height", "width", "dtype")


def render(machines: Sequence[BenchFile]) -> str:
    """Improvement of the last configuration that ran against the reference, and all seconds; differences are named.

    A set of configurations that was measured has tables of its own: a letter means something else in each.
    """
    sets = list(dict.fromkeys(_set(series) for machine in machines for series in machine.series))
    parts = [_tables(each, machines) for each in sets]
    lost = [f"- {_text(machine.device_name)}: {_text(machine.lost)}" for machine in machines if machine.lost]
    if lost:
        parts.append("\n".join(["# What is not whole\n", *lost]))
    return "\n\n".join(parts) + "\n"


def _tables(name: str, machines: Sequence[BenchFile]) -> str:
    measured = [(machine, _latest(machine, name)) for machine in machines]
    present = [(machine, series) for machine, series in measured if series]
    batch_sizes = sorted({size for _, series in present for size in series})
    head = [f"batch size {size}" for size in batch_sizes]
    lines = [f"# {_text(name)}: improvement against the reference\n"]
    lines += [f"| device | {' | '.join(head)} |", f"|---|{'---|' * len(head)}"]
    for machine, series in present:
        cells = [_cell(series.get(size)) for size in batch_sizes]
        lines.append(f"| {_text(machine.device_name)} | {' | '.join(cells)} |")
    for size in batch_sizes:
        having = [(machine, series[size]) for machine, series in present if size in series]
        ids = sorted({entry.configuration.id for _, one in having for entry in one.entries})
        lines += ["", f"# {_text(name)}: median seconds, batch size {size}\n"]
        lines += [f"| device | {' | '.join(ids)} |", f"|---|{'---|' * len(ids)}"]
        for machine, one in having:
            rows = _rows(one)
            cells = [number(rows[each].median_seconds) if each in rows else UNKNOWN for each in ids]
            lines.append(f"| {_text(machine.device_name)} | {' | '.join(cells)} |")
    notes = differences(name, machines)
    if notes:
        lines += ["", f"# {_text(name)}: what to know before comparing\n", *(f"- {_text(note)}" for note in notes)]
    return "\n".join(lines)


def differences(name: str, machines: Sequence[BenchFile]) -> tuple[str, ...]:
    """A sentence for everything about this set of configurations that is not the same on all machines."""
    seen: dict[str, dict[str, list[str]]] = {}
    for machine in machines:
        for series in _latest(machine, name).values():
            settings = next((entry.settings for entry in series.entries if entry.settings), {})
            facts = {each: str(settings.get(each)) for each in COMPARED}
            facts |= {
                "iterations": str(series.settings.n_iter),
                "seed": str(series.settings.seed),
                "sdprof": series.sdprof_version,
                "PyTorch": series.environment.torch if series.environment else "unknown",
                "reference": (series.summary.reference if series.summary else None) or "none",
                "rounds": str(series.rounds_done),
            }
            for fact, value in facts.items():
                devices = seen.setdefault(fact, {}).setdefault(value, [])
                if machine.device_name not in devices:
                    devices.append(machine.device_name)
    return tuple(
        f"Not the same everywhere: {fact} is "
        + "; ".join(f"{value} on {', '.join(devices)}" for value, devices in values.items())
        + "."
        for fact, values in seen.items()
        if len(values) > 1
    )


def _set(series: Series) -> str:
    return f"{series.settings.target} {series.settings.configurations}"


def _latest(machine: BenchFile, name: str) -> dict[int, Series]:
    """The last series of a set at each batch size that has rounds."""
    return {each.settings.batch_size: each for each in machine.series if each.rounds_done and _set(each) == name}


def _cell(series: Series | None) -> str:
    """The last configuration in the set that ran, with its letter: E, or D where nothing compiles."""
    if series is None or series.summary is None:
        return UNKNOWN
    rows = _rows(series)
    candidates = [
        entry.configuration.id
        for entry in series.entries
        if entry.configuration.id in rows and entry.configuration.id != series.summary.reference
    ]
    if not candidates:
        return UNKNOWN
    row = rows[candidates[-1]]
    shown = "" if row.verdict in ("faster", "slower") else ", not shown"
    return f"{improvement_text(row.speedup, row.rounds)} ({row.id} against {series.summary.reference}{shown})"


def _rows(series: Series) -> dict[str, Row]:
    rows = series.summary.rows if series.summary else ()
    return {row.id: row for row in rows if row.median_seconds is not None}


def _text(value: str) -> str:
    return one_line(value, 400).replace("|", "\\|").replace("<", "&lt;")
