"""Find the loop statement around a call in source text: which code of a function runs once an iteration."""

from __future__ import annotations

import ast
import functools
from dataclasses import dataclass
from typing import Literal, NamedTuple

OWN_FRAME = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
"""Ends of the qualified names of code that a comprehension compiles to (before Python 3.12; generators still do)."""

Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
Statement = ast.For | ast.AsyncFor | ast.While


class Span(NamedTuple):
    """A range of source: lines from 1, columns in UTF-8 bytes from 0, the end exclusive; as ast and CPython count."""

    line: int
    column: int
    end_line: int
    end_column: int

    def contains_start_of(self, other: Span) -> bool:
        """Whether ``other`` starts in here."""
        return (self.line, self.column) <= (other.line, other.column) < (self.end_line, self.end_column)


@dataclass(frozen=True, slots=True)
class LoopBody:
    """A loop in source text."""

    kind: Literal["for", "while", "comprehension"]
    whole: Span
    """From its keyword (or opening bracket) to its end."""
    header: Span
    """What is iterated over, or the condition of a ``while``. A comprehension's lies within its body."""
    body: Span
    """What runs once an iteration; ``else`` is no part of it."""


def find_loop_body(source: str, call_line: int, qualname: str, loop_line: int | None = None) -> LoopBody | None:
    """The innermost loop around ``call_line`` that belongs to the function ``qualname`` itself.

    A comprehension counts where it is the function (``….<listcomp>``), or where it is compiled into it and no loop
    statement is around the call. None where there is no such loop, or the source cannot be parsed.

    :param source: text of the whole file.
    :param call_line: a line of the call that repeats, counted from 1.
    :param qualname: ``co_qualname`` of the function that makes the call.
    :param loop_line: the first line of the statement, where it is another than the innermost.
    """
    tree = _parsed(source)
    if tree is None:
        return None
    around = _around(tree, call_line)
    if qualname.endswith(OWN_FRAME):
        comprehensions = [node for node in around if isinstance(node, Comprehension)]
        return _comprehension(comprehensions[-1]) if comprehensions else None
    around = _within_innermost_function(around)
    statements = _statements(around, call_line)
    if statements:
        return _statement(next((node for node in statements if node.lineno == loop_line), statements[-1]))
    comprehensions = [node for node in around if isinstance(node, Comprehension)]
    return _comprehension(comprehensions[-1]) if comprehensions else None


def loop_statements(source: str, line: int, qualname: str) -> tuple[tuple[int, int], ...]:
    """First and last line of each loop statement around a line that belongs to its function, outermost first."""
    tree = _parsed(source)
    if tree is None or qualname.endswith((*OWN_FRAME, "<lambda>")):
        return ()
    statements = _statements(_within_innermost_function(_around(tree, line)), line)
    return tuple((node.lineno, node.end_lineno or node.lineno) for node in statements)


@functools.lru_cache(maxsize=4)
def _parsed(source: str) -> ast.Module | None:
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _statements(around: list[ast.AST], line: int) -> list[Statement]:
    return [node for node in around if isinstance(node, Statement) and _encloses_header_or_body(node, line)]


def _around(tree: ast.Module, line: int) -> list[ast.AST]:
    """All nodes whose lines include ``line``, each after the nodes around it."""
    found: list[ast.AST] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        first, last = getattr(node, "lineno", None), getattr(node, "end_lineno", None)
        if first is not None and last is not None:
            if not first <= line <= last:
                continue
            found.append(node)
        waiting.extend(ast.iter_child_nodes(node))
    return found


def _within_innermost_function(nodes: list[ast.AST]) -> list[ast.AST]:
    functions = [index for index, node in enumerate(nodes) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if not functions:
        return nodes
    function = nodes[functions[-1]]
    inside = set(map(id, ast.walk(function)))
    return [node for node in nodes if id(node) in inside]


def _encloses_header_or_body(node: Statement, line: int) -> bool:
    return node.lineno <= line <= (node.body[-1].end_lineno or node.lineno)


def _statement(node: Statement) -> LoopBody:
    first, last = _span(node.body[0]), _span(node.body[-1])
    body = Span(first.line, first.column, last.end_line, last.end_column)
    if isinstance(node, ast.While):
        return LoopBody("while", _span(node), _span(node.test), body)
    return LoopBody("for", _span(node), _span(node.iter), body)


def _comprehension(node: Comprehension) -> LoopBody:
    return LoopBody("comprehension", _span(node), _span(node.generators[0].iter), _span(node))


def _span(node: ast.expr | ast.stmt) -> Span:
    return Span(node.lineno, node.col_offset, node.end_lineno or node.lineno, node.end_col_offset or node.col_offset)
