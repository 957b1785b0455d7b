"""Findings as CSV: one row each, for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import io

from sdprof.model import AuditResult, Finding
from sdprof.renderers.finding_groups import finding_groups
from sdprof.renderers.printable import one_line
from sdprof.renderers.repository_path import repository_path
from sdprof.renderers.text_region import text_region

COLUMNS = (
    "id",
    "status",
    "severity",
    "title",
    "region",
    "file",
    "line",
    "column",
    "end_line",
    "end_column",
    "function",
    "places",
    "count_per_step",
    "predicted_ms_per_step",
    "obtained_ms_per_step",
    "fixes",
    "reason",
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for a formula where a cell begins with it."""


def render(result: AuditResult, *, root: str = "") -> str:
    """All findings, in reading order. Lines and columns count from 1, columns in UTF-16 code units."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")  # RFC 4180
    writer.writerow(COLUMNS)
    for group in finding_groups(result.findings):
        for finding in group.findings:
            writer.writerow(_row(finding, root))
    return stream.getvalue()


def _row(finding: Finding, root: str) -> list[str | int | float | None]:
    where = finding.locations[0] if finding.locations else None
    place = None if where is None else text_region(where)
    cost = finding.cost
    return [
        _text(finding.id),
        finding.status,
        finding.severity,
        _text(finding.title),
        _text(finding.region),
        None if where is None else _text(repository_path(where.file, root) or where.file),
        None if place is None else place.line,
        None if place is None else place.column,
        None if place is None else place.end_line,
        None if place is None else place.end_column,
        None if where is None else _text(where.function),
        len(finding.locations),
        finding.count_per_step,
        None if cost is None else cost.predicted_ms_per_step,
        None if cost is None else cost.obtained_ms_per_step,
        _text(" ".join(finding.fixes)),
        _text(finding.reason),
    ]


def _text(value: str) -> str:
    flat = one_line(value, 1000)
    return f"'{flat}" if flat.startswith(FORMULA) else flat
