"""Every run of a machine as CSV, one row each: for whoever would rather compute the statistics again."""

from __future__ import annotations

import csv
import io

from sdprof.model.bench import MATTERING_PACKAGES, BenchFile, Series
from sdprof.renderers.printable import one_line

RESOLVED = ("size", "steps", "height", "width", "dtype")
COLUMNS = (
    "device",
    "started",
    "set",
    *RESOLVED,
    "batch_size",
    "n_iter",
    "seed",
    "round",
    "entry",
    "label",
    "numerics",
    "seconds",
    "failure",
    "threads",
    "sdprof",
    "python",
    "torch",
    *MATTERING_PACKAGES,
)


def render(machine: BenchFile) -> str:
    """One row a run, in the order in which they ran."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    for series in machine.series:
        settings = next((entry.settings for entry in series.entries if entry.settings), {})
        entries = {entry.configuration.id: entry for entry in series.entries}
        versions = _versions(series)
        for run in series.runs:
            entry = entries.get(run.entry)
            writer.writerow(
                [
                    _text(machine.device_name),
                    series.started,
                    _text(f"{series.settings.target} {series.settings.configurations}"),
                    *(settings.get(name) for name in RESOLVED),
                    series.settings.batch_size,
                    series.settings.n_iter,
                    series.settings.seed,
                    run.round + 1,
                    run.entry,
                    _text(entry.configuration.label if entry else run.entry),
                    (entry.numerics or (entry.parity.numerics if entry.parity else None)) if entry else None,
                    run.seconds,
                    _text(run.failure),
                    *versions,
                ]
            )
    return stream.getvalue()


def _versions(series: Series) -> list[str | int | None]:
    """Threads and versions; nothing where they are not known or not installed."""
    environment = series.environment
    if environment is None:
        return [None, _text(series.sdprof_version), None, None, *(None for _ in MATTERING_PACKAGES)]
    packages = (environment.packages.get(each, "") for each in MATTERING_PACKAGES)
    return [environment.threads, *map(_text, (series.sdprof_version, environment.python, environment.torch, *packages))]


def _text(value: str) -> str:
    flat = one_line(value, 400)
    return f"'{flat}" if flat.startswith(("=", "+", "-", "@")) else flat
