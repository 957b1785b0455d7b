"""The sampling loop in the text, and what can be computed before it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import (
    Function,
    Scope,
    around,
    bindings,
    dotted,
    dotted_reads,
    read_in,
    scope_of,
    stored_names,
    written_in,
)
from sdprof.fixes.source.reading.tests_between import tests_between
from sdprof.model import FunctionSite, LoopMap

LoopStatement = ast.For | ast.AsyncFor | ast.While


def sampling_loop(
    source: ModuleSource, node: ast.AST, file: str, function: str, loop: LoopMap | None
) -> LoopStatement | None:
    """The loop statement that makes the steps, if ``node`` stands in its body, in the loop's own function.

    It is the innermost around the call, unless another one was seen to make the steps.

    What a ``while`` asks in its head counts as its body: it is asked once a step.
    """
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
        asked = isinstance(parent, ast.While) and current is parent.test
        inside = isinstance(parent, LoopStatement) and (asked or current in parent.body)
        if isinstance(parent, LoopStatement) and inside and _makes_steps(parent, site):
            found = found or parent
        current = parent
    return found


def _makes_steps(statement: LoopStatement, site: FunctionSite) -> bool:
    if site.loop_line is not None:
        return statement.lineno == site.loop_line
    return statement.lineno <= site.call_line <= (statement.end_lineno or statement.lineno)


def loops_around(source: ModuleSource, loop: LoopStatement, scope: Scope) -> list[LoopStatement]:
    """The loops of the same function that a loop stands in."""
    return [each for each in around(source, loop, scope) if isinstance(each, LoopStatement)]


def is_invariant(expression: ast.AST, loop: LoopStatement) -> bool:
    """Whether nothing that the expression reads is bound or written to inside the loop, as far as the text tells."""
    written = written_in(loop)
    return not any(
        name in written or any(name.startswith(f"{each}.") for each in written) for name in dotted_reads(expression)
    )


def changes_around(source: ModuleSource, expression: ast.AST, loop: LoopStatement, scope: Scope) -> bool:
    """Whether the loops around one may give an expression another value in each pass, or pass it by.

    What an outer loop makes without its own variable (a schedule for each picture) counts as the same in each pass.
    """
    outside = loops_around(source, loop, scope)
    if any(test for outer in outside for test in tests_between(source, loop, outer)):
        return True
    devices = {id(part) for each in ast.walk(expression) if _is_device_of_name(each) for part in ast.walk(each)}
    roots = {each.id for each in ast.walk(expression) if isinstance(each, ast.Name) and id(each) not in devices}
    return any(roots & _made_of_variable(outer) for outer in outside)


def _made_of_variable(loop: LoopStatement) -> set[str]:
    """Names that a loop binds to what depends on its variable; all that it binds, where it has none."""
    if isinstance(loop, ast.While):
        return {name.partition(".")[0] for name in written_in(loop)}
    found = stored_names(loop.target)
    while True:
        more = set(found)
        for each in ast.walk(loop):
            targets, value = _bound_of(each)
            if value is not None and read_in(value) & found:
                more |= {name for target in targets for name in stored_names(target)}
        if more == found:
            return found
        found = more


def _bound_of(node: ast.AST) -> tuple[list[ast.expr], ast.expr | None]:
    """What a statement binds, and of what."""
    if isinstance(node, ast.Assign):
        return node.targets, node.value
    if isinstance(node, ast.AugAssign):
        return [node.target], node.value
    return ([node.target], node.iter) if isinstance(node, ast.For | ast.AsyncFor) else ([], None)


def _may_be_made_anew(expression: ast.AST, outer: LoopStatement, inner: LoopStatement) -> bool:
    """Whether an outer loop calls something that may give an attribute another value: ``schedule.set_times(n)``."""
    inside = {id(each) for each in ast.walk(inner)}
    methods = {id(each.func) for each in ast.walk(expression) if isinstance(each, ast.Call)}
    kept = [each for each in ast.walk(expression) if isinstance(each, ast.Attribute) and id(each) not in methods]
    owners = {(dotted(each) or "").split(".")[0] for each in kept if not _is_device_of_name(each)}
    for each in ast.walk(outer):
        if isinstance(each, ast.Call) and id(each) not in inside:
            given = [each.func, *each.args, *(one.value for one in each.keywords)]
            if owners & {(dotted(one) or "").split(".")[0] for one in given}:
                return True
    return False


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
    return statements_before_loop(source, loop, [statement])


def statements_before_loop(
    source: ModuleSource,
    loop: LoopStatement,
    lines: Sequence[str],
    stays: Callable[[LoopStatement], bool] | None = None,
) -> Replacement:
    """The same of several lines, indented as they stand to each other.

    :param stays: whether a loop around leaves as it is what they read, as far as the caller can tell.
    """
    read, scope = ast.parse("\n".join(lines)), scope_of(source, loop)
    for outer in loops_around(source, loop, scope):
        settled = settled_before(source, read, outer, scope) and not _may_be_made_anew(read, outer, loop)
        if not settled or any(tests_between(source, loop, outer)) or (stays is not None and not stays(outer)):
            break
        loop = outer
    start = source.line_start(loop.lineno)
    indent = source.text[start : source.span(loop)[0]]
    return Replacement(start=start, end=start, text="".join(f"{indent}{line}\n" for line in lines))


def before_statement(source: ModuleSource, statement: ast.stmt, text: str) -> Replacement:
    """An insertion on a line of its own in front of a statement that begins its line."""
    start = source.span(statement)[0]
    indent = source.text[source.line_start(statement.lineno) : start]
    return Replacement(start=start, end=start, text=f"{text}\n{indent}")


def after_statement(source: ModuleSource, statement: ast.stmt, text: str) -> Replacement:
    """An insertion of a statement on a line of its own behind another one, which must end its line."""
    indent = source.text[source.line_start(statement.lineno) : source.span(statement)[0]]
    end = source.line_start((statement.end_lineno or statement.lineno) + 1)
    return Replacement(start=end, end=end, text=f"{indent}{text}\n")


def owner_class(source: ModuleSource, scope: Scope) -> ast.ClassDef | None:
    """The class that a method belongs to."""
    parent = source.parents.get(scope)
    return parent if isinstance(scope, Function) and isinstance(parent, ast.ClassDef) else None
