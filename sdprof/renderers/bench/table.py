"""The rows of a series as text: what Markdown, CSV and the page show alike."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.model import Interval
from sdprof.model.bench import CONTROL_ENTRY, BenchFile, Entry, Row, Series
from sdprof.quantities import UNKNOWN, number
from sdprof.renderers.bench.improvement import improvement_text
from sdprof.renderers.bench.published import published_gpu, published_seconds


@dataclass(frozen=True)
class TextRow:
    """One configuration, in words."""

    id: str
    label: str
    seconds: str
    improvement: str
    verdict: str
    rounds: str
    first_run: str
    numerics: str
    """exact, rounding or lossy."""
    parity: str
    published: str
    note: str


def text_rows(machine: BenchFile, series: Series) -> tuple[TextRow, ...]:
    """A row for every configuration, also for those that are not available, and one for the control."""
    rows = {row.id: row for row in series.summary.rows} if series.summary else {}
    reference = series.summary.reference if series.summary else None
    lines = [_row(machine, series, entry, rows.get(entry.configuration.id), reference) for entry in series.entries]
    if series.summary is not None and reference is not None:
        lines.append(_control_row(series, series.summary.control, reference))
    return tuple(lines)


def series_title(series: Series) -> str:
    """Which set of configurations at which batch size: one machine's file may hold several."""
    return f"{series.settings.target} {series.settings.configurations}, batch size {series.settings.batch_size}"


def conditions_text(series: Series) -> str:
    """What all runs of the series have in common, on one line."""
    settings = next((entry.settings for entry in series.entries if entry.settings), {})
    parts = [
        f"size {settings.get('size')}",
        f"{settings.get('height')} × {settings.get('width')}",
        f"{settings.get('steps')} steps",
        f"batch size {series.settings.batch_size}",
        *([f"{series.settings.n_iter} iterations"] if series.settings.n_iter > 1 else []),
        f"{settings.get('dtype')}",
        f"seed {series.settings.seed}",
        f"{series.rounds_done} of {series.rounds_wanted} rounds",
    ]
    if series.fresh_workers:
        parts.append("every run in a worker of its own")
    if series.environment is not None:
        parts += [f"PyTorch {series.environment.torch}", f"{series.environment.threads} threads"]
    return ", ".join([*parts, f"sdprof {series.sdprof_version}", series.started])


def _control_row(series: Series, control: Interval | None, reference: str) -> TextRow:
    """The reference against itself, also where it did not come to that."""
    rounds = sum(run.entry == CONTROL_ENTRY and run.seconds is not None for run in series.runs)
    failed = sum(run.entry == CONTROL_ENTRY and run.seconds is None for run in series.runs)
    if rounds:
        note = f"what {CONTROL_ENTRY.split()[0]} differs from itself by is no improvement"
    elif failed:
        note = "A/A not available: every round failed"
    else:
        note = f"A/A not available: {series.control_not_available or 'it did not run'}"
    if rounds and failed:
        note += f"; failed in {failed} of {failed + rounds} rounds"
    return TextRow(
        id="A/A",
        label=f"{reference} again, in a second worker",
        seconds=UNKNOWN,
        improvement=improvement_text(control, rounds),
        verdict="control",
        rounds=str(control.rounds if control is not None else rounds),
        first_run=UNKNOWN,
        numerics=UNKNOWN,
        parity=UNKNOWN,
        published=UNKNOWN,
        note=note,
    )


def _row(machine: BenchFile, series: Series, entry: Entry, row: Row | None, reference: str | None) -> TextRow:
    configuration = entry.configuration
    gpu = published_gpu(machine.device_name)
    published = published_seconds(gpu, series.settings.batch_size, configuration.published) if gpu else None
    if entry.not_available or row is None:
        reason = f"not available: {entry.not_available}" if entry.not_available else "no round yet"
        blank, numerics = (UNKNOWN,) * 5, numerics_of(entry)
        return TextRow(configuration.id, configuration.label, *blank, numerics, UNKNOWN, _seconds(published), reason)
    kernel = entry.parameters.get("attention_kernel")
    notes = [f"attention by {kernel}"] if kernel else []
    if row.outlier_rounds:
        notes.append(f"far from its median in round {', '.join(str(each + 1) for each in row.outlier_rounds)}")
    if row.failed:
        notes.append(f"failed in {row.failed} of {row.failed + row.rounds} rounds")
    bounds = (
        f" [{number(row.low_seconds)}, {number(row.high_seconds)}]"
        if row.low_seconds is not None and row.high_seconds is not None
        else ""
    )
    return TextRow(
        id=configuration.id,
        label=configuration.label,
        seconds=f"{number(row.median_seconds)}{bounds}",
        improvement="reference" if configuration.id == reference else improvement_text(row.speedup, row.rounds),
        verdict=row.verdict or UNKNOWN,
        rounds=str(row.rounds),
        first_run=number(entry.first_run_seconds),
        numerics=numerics_of(entry),
        parity=_parity(entry),
        published=_seconds(published),
        note="; ".join(notes),
    )


def numerics_of(entry: Entry) -> str:
    """What it may do to the output; the file of an older sdprof has that only beside an output that was compared."""
    return entry.numerics or (entry.parity.numerics if entry.parity is not None else UNKNOWN)


def _parity(entry: Entry) -> str:
    """Whether it is the same, and how far every output is off, with its PSNR where there is any noise."""
    parity = entry.parity
    if parity is None:
        return UNKNOWN
    word = "lossy" if parity.passed and not parity.judged else "same" if parity.passed else "NOT the same"
    off = [
        f"{each.name} {number(each.max_abs_diff) if each.max_abs_diff else 'equal'}"
        + (f", {each.psnr_db:.0f} dB" if each.psnr_db is not None else "")
        for each in parity.outputs
    ]
    return f"{word}: {'; '.join(off) or parity.reason}"


def _seconds(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.1f}"
