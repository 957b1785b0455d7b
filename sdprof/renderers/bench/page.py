"""A machine's benches as one page: bars a batch size, lines a round, the table, and what was not steady."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sdprof.model.bench import CONTROL_ENTRY, BenchFile, Series
from sdprof.quantities import seconds
from sdprof.renderers.bench.bar_chart import Bar, bar_chart
from sdprof.renderers.bench.published import published_gpu, published_seconds
from sdprof.renderers.bench.table import TextRow, conditions_text, series_title, text_rows
from sdprof.renderers.html import content_security
from sdprof.renderers.html import series_plot as plot
from sdprof.renderers.html.breakable import breakable
from sdprof.renderers.printable import printable

HERE = Path(__file__).parent
STYLE = HERE.parent / "html" / "assets" / "report.css"


@dataclass(frozen=True)
class Part:
    """One series on the page."""

    title: str
    conditions: str
    reference_note: str
    bars: Markup
    published: str | None
    """The article's GPU, where its figures stand beside."""
    rows: tuple[TextRow, ...]
    lines: Markup
    legend: tuple[plot.Series, ...]
    flags: tuple[str, ...]


def render(machine: BenchFile) -> str:
    """The whole page as one text, to be written as UTF-8."""
    style = STYLE.read_text(encoding="utf-8") + (HERE / "bench.css").read_text(encoding="utf-8")
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finalize,
    )
    environment.filters["breakable"] = breakable
    return environment.get_template("page.html.j2").render(
        machine=machine,
        parts=[_part(machine, series) for series in machine.series],
        style=Markup(style),  # noqa: S704 - our own files, nothing is put into them
        policy=content_security.policy(style, ""),
    )


def _part(machine: BenchFile, series: Series) -> Part:
    gpu = published_gpu(machine.device_name)
    batch_size = series.settings.batch_size
    rows = {row.id: row for row in series.summary.rows} if series.summary else {}
    bars = []
    for entry in series.entries:
        configuration, row = entry.configuration, rows.get(entry.configuration.id)
        bars.append(
            Bar(
                id=configuration.id,
                label=configuration.label,
                seconds=row.median_seconds if row else None,
                low=row.low_seconds if row else None,
                high=row.high_seconds if row else None,
                published=published_seconds(gpu, batch_size, configuration.published) if gpu else None,
            )
        )
    lines = _lines(series)
    return Part(
        title=series_title(series),
        conditions=conditions_text(series),
        reference_note=series.summary.reference_note if series.summary else "",
        bars=bar_chart(bars, f"Seconds of each configuration at batch size {batch_size}"),
        published=gpu if any(bar.published is not None for bar in bars) else None,
        rows=text_rows(machine, series),
        lines=plot.series_plot(
            lines, label=f"Seconds by round at batch size {batch_size}", write=seconds, counted="round", named=True
        ),
        legend=lines,
        flags=series.summary.flags if series.summary else (),
    )


def _lines(series: Series) -> tuple[plot.Series, ...]:
    names = [entry.configuration.id for entry in series.entries if not entry.not_available]
    styles = {name: f"c{index % 5}" for index, name in enumerate(names)} | {CONTROL_ENTRY: "c5"}
    values: dict[str, dict[int, float]] = {name: {} for name in styles}
    for run in series.runs:
        if run.seconds is not None:
            values.setdefault(run.entry, {})[run.round] = run.seconds
    return tuple(
        plot.Series(name, styles.get(name, "c5"), points, short="A/A" if name == CONTROL_ENTRY else name)
        for name, points in values.items()
        if points
    )


def _finalize(value: Any) -> Any:
    return value if isinstance(value, Markup) or not isinstance(value, str) else printable(value)
