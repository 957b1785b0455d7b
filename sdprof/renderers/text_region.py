"""A place in source as editors count it: lines and UTF-16 columns from 1, the end exclusive."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.model import Location


@dataclass(frozen=True)
class TextRegion:
    """Columns are None where only whole lines are known."""

    line: int
    column: int | None
    end_line: int
    end_column: int | None


def text_region(where: Location) -> TextRegion:
    """Turn CPython's UTF-8 byte columns into UTF-16 code units.

    That takes the text of the first and of the last line, which ``where.code`` holds; without it only lines are given.
    A column inside a character or beyond its line is moved to the nearest place before it.
    """
    line = max(where.line, 1)
    end_line = max(where.end_line or line, line)
    code = where.code.splitlines()
    if where.column is None or not code:
        return TextRegion(line, None, end_line, None)
    column = _utf16_units(code[0], where.column) + 1
    last = end_line - line
    if where.end_column is None or last >= len(code):
        return TextRegion(line, column, end_line if last < len(code) else line, None)
    end_column = _utf16_units(code[last], where.end_column) + 1
    return TextRegion(line, column, end_line, max(end_column, column) if last == 0 else end_column)


def _utf16_units(text: str, utf8_bytes: int) -> int:
    before = text.encode("utf-8", "surrogatepass")[: max(utf8_bytes, 0)].decode("utf-8", "ignore")
    return len(before.encode("utf-16-le", "surrogatepass")) // 2
