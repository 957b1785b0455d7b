"""A machine's benches as Markdown, for copying."""

from __future__ import annotations

from sdprof.model.bench import BenchFile
from sdprof.renderers.bench.table import TextRow, conditions_text, series_title, text_rows
from sdprof.renderers.printable import one_line

COLUMNS = (
    "",
    "configuration",
    "median s [95%]",
    "improvement [95%]",
    "verdict",
    "rounds",
    "first run, s",
    "numerics",
    "output",
    "published, s",
    "",
)


def render(machine: BenchFile) -> str:
    """A table a series."""
    parts = [f"# Bench on {_cell(machine.device_name)}\n"]
    if machine.lost:
        parts.append(f"**Not whole:** {_cell(machine.lost)}\n")
    for series in machine.series:
        parts.append(f"## {_cell(series_title(series))}\n")
        parts.append(f"{_cell(conditions_text(series))}.\n")
        if series.summary is not None:
            parts.append(f"{_cell(series.summary.reference_note)}\n")
        parts.append("\n".join(_table(text_rows(machine, series))) + "\n")
        if series.summary is not None and series.summary.flags:
            parts.append("\n".join(f"- {_cell(flag)}" for flag in series.summary.flags) + "\n")
    return "\n".join(parts)


def _table(rows: tuple[TextRow, ...]) -> list[str]:
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    for row in rows:
        lines.append(f"| {' | '.join(_cell(str(value)) for value in vars(row).values())} |")
    return lines


def _cell(text: str) -> str:
    return one_line(text, 400).replace("|", "\\|").replace("<", "&lt;")
