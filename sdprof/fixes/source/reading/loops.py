"""The sampling loop in the text, and what can be computed before it."""

from __future__ import annotations

import ast

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import Function, Scope, around, dotted_reads, scope_of, written_in
from sdprof.model import LoopMap

LoopStatement = ast.For | ast.AsyncFor | ast.While


def sampling_loop(
    source: ModuleSource, node: ast.AST, file: str, function: str, loop: LoopMap | None
) -> LoopStatement | None:
    """The loop statement that makes the steps, if ``node`` stands in its body, in the loop's own function."""
    if loop is None or loop.loop is None:
        return None
    site = loop.loop
    if (site.file, site.qualname) != (file, function):
        return None
    scope = scope_of(source, node)
    found = None
    current: ast.AST = node
    while current is not scope and current in source.parents:
        parent = source.parents[current]
        if isinstance(parent, LoopStatement) and current in parent.body and _spans(parent, site.call_line):
            found = found or parent
        current = parent
    return found


def _spans(statement: LoopStatement, line: int) -> bool:
    return statement.lineno <= line <= (statement.end_lineno or statement.lineno)


def loops_around(source: ModuleSource, loop: LoopStatement, scope: Scope) -> list[LoopStatement]:
    """The loops of the same function that a loop stands in."""
    return [each for each in around(source, loop, scope) if isinstance(each, LoopStatement)]


def is_invariant(expression: ast.AST, loop: LoopStatement) -> bool:
    """Whether nothing that the expression reads is bound or written to inside the loop, as far as the text tells."""
    written = written_in(loop)
    return not any(
        name in written or any(name.startswith(f"{each}.") for each in written) for name in dotted_reads(expression)
    )


def before_loop(source: ModuleSource, loop: LoopStatement, statement: str) -> Replacement:
    """An insertion of a statement on a line of its own in front of the loop."""
    start = source.line_start(loop.lineno)
    indent = source.text[start : source.span(loop)[0]]
    return Replacement(start=start, end=start, text=f"{indent}{statement}\n")


def after_statement(source: ModuleSource, statement: ast.stmt, text: str) -> Replacement:
    """An insertion of a statement on a line of its own behind another one, which must end its line."""
    indent = source.text[source.line_start(statement.lineno) : source.span(statement)[0]]
    end = source.line_start((statement.end_lineno or statement.lineno) + 1)
    return Replacement(start=end, end=end, text=f"{indent}{text}\n")


def owner_class(source: ModuleSource, scope: Scope) -> ast.ClassDef | None:
    """The class that a method belongs to."""
    parent = source.parents.get(scope)
    return parent if isinstance(scope, Function) and isinstance(parent, ast.ClassDef) else None
