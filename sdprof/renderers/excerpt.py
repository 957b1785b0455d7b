"""The source excerpt of a finding: its lines, and which characters of each the expression takes."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.model import Location
from sdprof.renderers.printable import printable

TAB_STOP = 4
LONGEST_LINE = 400
MOST_LINES = 12


@dataclass(frozen=True)
class ExcerptLine:
    """One source line in three parts; ``marked`` is empty where the expression does not touch it."""

    number: int
    before: str
    marked: str
    after: str


@dataclass(frozen=True)
class Excerpt:
    """The lines of a location."""

    lines: tuple[ExcerptLine, ...]
    left_out: int = 0
    """Lines at the end that are not shown."""


def excerpt(where: Location) -> Excerpt:
    """Cut ``where.code`` at its columns.

    Columns are UTF-8 bytes, as CPython counts them; one that lies outside its line, or inside a character, is taken as
    the nearest place inside. Without columns no part is marked. Common indentation is taken away.
    """
    code = where.code.splitlines()
    last = (where.end_line or where.line) - where.line
    rows = []
    for offset, line in enumerate(code[:MOST_LINES]):
        start, end = _span(where, offset, last, line)
        rows.append((where.line + offset, *_cut(line, start, end)))
    indent = min(
        (
            len(before + marked + after) - len((before + marked + after).lstrip())
            for _, before, marked, after in rows
            if (before + marked + after).strip()
        ),
        default=0,
    )
    return Excerpt(tuple(_dedent(row, indent) for row in rows), max(len(code) - MOST_LINES, 0))


def _span(where: Location, offset: int, last: int, line: str) -> tuple[int, int]:
    """First and last-plus-one character of ``line`` that the expression takes; equal where it takes none."""
    if where.column is None or offset > max(last, 0):
        return 0, 0
    start = _characters(line, where.column) if offset == 0 else len(line) - len(line.lstrip())
    if offset < last:
        return start, len(line.rstrip())
    if where.end_column is None:
        return start, start + 1 if start < len(line) else start
    return start, max(_characters(line, where.end_column), start)


def _characters(line: str, column: int) -> int:
    """Characters in the first ``column`` UTF-8 bytes of ``line``."""
    return len(line.encode("utf-8", "surrogatepass")[: max(column, 0)].decode("utf-8", "ignore"))


def _cut(line: str, start: int, end: int) -> tuple[str, str, str]:
    line = line[:LONGEST_LINE] + ("…" if len(line) > LONGEST_LINE else "")
    before = line[:start].expandtabs(TAB_STOP)
    marked = (line[:end].expandtabs(TAB_STOP))[len(before) :]
    after = line.expandtabs(TAB_STOP)[len(before) + len(marked) :]
    return before, marked, after


def _dedent(row: tuple[int, str, str, str], indent: int) -> ExcerptLine:
    number, *parts = row
    trimmed = []
    for part in parts:
        taken = min(indent, len(part))
        trimmed.append(printable(part[taken:]))
        indent -= taken
    return ExcerptLine(number, *trimmed)
