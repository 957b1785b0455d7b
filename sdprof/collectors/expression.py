"""From a running instruction to the expression in the source that it belongs to."""

from __future__ import annotations

import ast
import functools
import linecache
from types import CodeType

from sdprof.collectors.loop_body import Span
from sdprof.model import Location

EXCERPT_LINES = 12
"""A location quotes so many source lines at most."""

BYTES_AN_INSTRUCTION = 2


def locate(code: CodeType, instruction: int) -> Location:
    """The expression that the instruction at byte offset ``instruction`` (a frame's ``f_lasti``) belongs to.

    Columns are missing where the interpreter keeps none (``python -X no_debug_ranges``). A method call whose name is
    not on the receiver's first line begins at the name; that is how CPython compiles it.
    """
    span = span_of(code, instruction)
    if span is None:
        line = _line_of(code, instruction)
        return Location(
            file=code.co_filename, line=line, code=_source(code.co_filename, line, line), function=code.co_qualname
        )
    span = _headers(code.co_filename).get(span, span)
    return Location(
        file=code.co_filename,
        line=span.line,
        column=span.column,
        end_line=span.end_line,
        end_column=span.end_column,
        code=_source(code.co_filename, span.line, span.end_line),
        function=code.co_qualname,
    )


def span_of(code: CodeType, instruction: int) -> Span | None:
    """Source range of an instruction, or None where the compiler left none."""
    positions = list(code.co_positions())
    index = instruction // BYTES_AN_INSTRUCTION
    if not 0 <= index < len(positions):
        return None
    line, end_line, column, end_column = positions[index]
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return Span(line, column, end_line, end_column)


def _line_of(code: CodeType, instruction: int) -> int:
    for first, end, line in code.co_lines():
        if first <= instruction < end and line is not None:
            return line
    return code.co_firstlineno


@functools.lru_cache(maxsize=256)
def _headers(file: str) -> dict[Span, Span]:
    """Whole compound statements → the expression in their head.

    CPython gives ``if not t:`` and the advance of ``for`` the range of the whole statement, body included.
    """
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    headers = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.While | ast.Assert):
            headers[_span(node)] = _span(node.test)
        elif isinstance(node, ast.For | ast.AsyncFor):
            headers[_span(node)] = _span(node.iter)
    return headers


def _span(node: ast.expr | ast.stmt) -> Span:
    return Span(node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)


def _source(file: str, first: int, last: int) -> str:
    lines = (
        linecache.getline(file, line).rstrip("\n") for line in range(first, min(last, first + EXCERPT_LINES - 1) + 1)
    )
    return "\n".join(lines)
