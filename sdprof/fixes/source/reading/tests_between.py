"""What is asked on the way from the head of a loop to something in it."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import COMPREHENSIONS, Scope, around

Loop = ast.For | ast.AsyncFor | ast.While


def tests_between(source: ModuleSource, node: ast.AST, loop: Loop | Scope | ast.stmt) -> Iterator[ast.AST]:
    """What is asked between the head of the loop, or of a function, and the expression, the innermost first."""
    inner = node
    for outer in around(source, node, loop):
        if isinstance(outer, ast.If | ast.IfExp) and inner is not outer.test:
            yield outer.test
        elif isinstance(outer, ast.BoolOp) and inner is not outer.values[0]:
            yield from outer.values[: outer.values.index(inner)] if inner in outer.values else outer.values
        elif isinstance(outer, ast.Try | ast.Match | ast.ExceptHandler | ast.match_case):
            yield outer
        elif isinstance(outer, COMPREHENSIONS):
            yield from (test for each in outer.generators for test in each.ifs if test is not inner)
        if outer is loop:
            yield from _ways_out(getattr(outer, "body", []), inner)
            return
        for body in (getattr(outer, part, None) for part in ("body", "orelse")):
            if isinstance(body, list):
                yield from _ways_out(body, inner)
        inner = outer


def _ways_out(body: list[ast.stmt] | ast.expr, statement: ast.AST) -> Iterator[ast.AST]:
    """Tests of the statements before one that may leave the iteration: ``if mask is None: continue``."""
    if not isinstance(body, list) or statement not in body:
        return
    for each in body[: body.index(statement)]:
        if isinstance(each, ast.If) and isinstance(each.body[-1], ast.Continue | ast.Break | ast.Return):
            yield each.test
