"""Every run of a machine as CSV, one row each: for whoever would rather compute the statistics again."""

from __future__ import annotations

import csv
import io

from sdprof.model.bench import BenchFile
from sdprof.renderers.printable import one_line

COLUMNS = (
    "device",
    "started",
    "size",
    "steps",
    "height",
    "width",
    "dtype",
    "batch_size",
    "n_iter",
    "round",
    "entry",
    "label",
    "seconds",
    "failure",
)


def render(machine: BenchFile) -> str:
    """One row a run, in the order in which they ran."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    for series in machine.series:
        settings = next((entry.settings for entry in series.entries if entry.settings), {})
        labels = {entry.configuration.id: entry.configuration.label for entry in series.entries}
        for run in series.runs:
            writer.writerow(
                [
                    _text(machine.device_name),
                    series.started,
                    *(settings.get(name) for name in ("size", "steps", "height", "width", "dtype")),
                    series.settings.batch_size,
                    series.settings.n_iter,
                    run.round + 1,
                    run.entry,
                    _text(labels.get(run.entry, run.entry)),
                    run.seconds,
                    _text(run.failure),
                ]
            )
    return stream.getvalue()


def _text(value: str) -> str:
    flat = one_line(value, 400)
    return f"'{flat}" if flat.startswith(("=", "+", "-", "@")) else flat
