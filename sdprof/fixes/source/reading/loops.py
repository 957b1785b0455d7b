"""The sampling loop in the text, and what can be computed before it."""

from __future__ import annotations

import ast

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import (
    Function,
    Scope,
    around,
    bindings,
    dotted,
    dotted_reads,
    scope_of,
    written_in,
)
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


def settled_before(source: ModuleSource, expression: ast.AST, loop: LoopStatement, scope: Scope) -> bool:
    """Whether what an expression reads has its value in front of a loop already.

    ``x.device`` has, although the loop computes ``x`` anew: a tensor stays where it is.
    """
    devices = [each for each in ast.walk(expression) if _is_device_of_name(each)]
    theirs = {id(part) for each in devices for part in ast.walk(each)}
    written = written_in(loop)
    names = {dotted(each) or "" for each in ast.walk(expression) if id(each) not in theirs}
    if any(name in written or any(name.startswith(f"{each}.") for each in written) for name in names):
        return False
    owners = {(dotted(each) or "").split(".")[0] for each in devices}
    return all(name not in written or is_bound_before(source, scope, name, loop) for name in owners)


def _is_device_of_name(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr == "device" and isinstance(node.value, ast.Name)


def is_bound_before(source: ModuleSource, scope: Scope, name: str, loop: LoopStatement) -> bool:
    """Whether a name that the loop binds has a value in front of it, too, on each way that leads there."""
    above = [loop, *around(source, loop, scope)]
    beside = [each for outer in above for each in ast.iter_child_nodes(outer)]
    return any(
        each.kind == "parameter" or (each.node in beside and getattr(each.node, "lineno", 0) < loop.lineno)
        for each in bindings(scope, name)
    )


def before_loop(source: ModuleSource, loop: LoopStatement, statement: str) -> Replacement:
    """An insertion of a statement on a line of its own in front of the loop, and of the loops around that one.

    In front of an inner loop it runs in each pass of the outer one, which is left to what the outer one makes anew.
    """
    read, scope = ast.parse(statement), scope_of(source, loop)
    for outer in loops_around(source, loop, scope):
        if not settled_before(source, read, outer, scope):
            break
        loop = outer
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
