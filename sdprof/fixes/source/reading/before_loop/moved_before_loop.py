"""Move an expression in front of a loop that leaves all that it reads as it is."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.made_names import name_for
from sdprof.fixes.source.reading.before_loop.repeatable import check_repeatable, only_copies, wider
from sdprof.fixes.source.reading.before_loop.shared_result import check_shared
from sdprof.fixes.source.reading.before_loop.unchanging import check_unchanging, read_by
from sdprof.fixes.source.reading.before_loop.way_to_make_once import MadeOnce
from sdprof.fixes.source.reading.loops import LoopStatement, before_loop
from sdprof.fixes.source.reading.names import Scope, around, last_name, scope_of, statement_of
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.straight_line import stands_alone
from sdprof.fixes.source.reading.tests_between import tests_between


def moved_before_loop(
    source: ModuleSource, node: ast.expr, loop: LoopStatement, sampling: list[LoopStatement]
) -> MadeOnce:
    """The statement, or the expression under a name of its own, in front of the loop, with all that is computed of it.

    :param sampling: the loop that calls the model, and those around it.
    :raises DeclinedError: it may be another one in the next iteration, or fail where the loop does not.
    """
    made = _moved(source, node, loop, sampling)
    for each in wider(source, node):
        try:
            check_repeatable(source, each)
            check_shared(source, each)
            made = _moved(source, each, loop, sampling)
        except DeclinedError:
            break
    return made


def _moved(source: ModuleSource, node: ast.expr, loop: LoopStatement, sampling: list[LoopStatement]) -> MadeOnce:
    scope = scope_of(source, node)
    check_unchanging(source, read_by(source, node), loop, scope)
    conditions = conditions_in_loop(source, node, loop, sampling)
    for test, _ in conditions:
        check_repeatable(source, test)
        check_unchanging(source, read_by(source, test), loop, scope)
    check_modes(source, node, loop, node)
    said = "It is made once, before the loop."
    statement = statement_of(source, node)
    if not conditions and _can_move(source, statement, node, loop, scope):
        start = source.line_start(statement.lineno)
        end = source.line_start((statement.end_lineno or statement.lineno) + 1)
        moved = before_loop(source, loop, outdented(source, statement, loop))
        return MadeOnce(source.path, [moved, Replacement(start=start, end=end, text="")], said)
    name = name_for(source, node, scope)
    text = _on_one_line(source, node)
    if conditions:
        asked = (_asked(source, test, wanted=wanted) for test, wanted in reversed(conditions))
        text = f"{text} if {' and '.join(asked)} else None"
    made = before_loop(source, loop, f"{name} = {text}")
    return MadeOnce(source.path, [made, in_place(source, node, name)], said)


def check_modes(source: ModuleSource, place: ast.AST, outermost: ast.AST, made: ast.expr) -> None:
    """No ``with`` between a place and what is around it makes another thing of what is made.

    :raises DeclinedError: one may.
    """
    undisturbed_by = {"no_grad", "autocast"} if only_copies(made) else {"no_grad"}
    for each in around(source, place, outermost):
        if isinstance(each, ast.With | ast.AsyncWith) and not all(
            isinstance(item.context_expr, ast.Call)
            and last_name(item.context_expr.func) in undisturbed_by
            and item.optional_vars is None
            for item in each.items
        ):
            raise DeclinedError("It is made inside of a with statement")


def _on_one_line(source: ModuleSource, node: ast.expr) -> str:
    code = source.code(node)
    return code if "\n" not in code else ast.unparse(node)


def _asked(source: ModuleSource, test: ast.expr, *, wanted: bool) -> str:
    code = _on_one_line(source, test)
    if wanted:
        return code if isinstance(test, ast.Name | ast.Attribute | ast.Call | ast.Compare) else f"({code})"
    return f"not {code}" if isinstance(test, ast.Name | ast.Attribute | ast.Call) else f"not ({code})"


def conditions_in_loop(
    source: ModuleSource, node: ast.expr, loop: LoopStatement, sampling: list[LoopStatement]
) -> list[tuple[ast.expr, bool]]:
    """What is asked before the expression is evaluated, the innermost first, and which answer leads to it.

    :raises DeclinedError: by something else than ``if``.
    """
    found: list[tuple[ast.expr, bool]] = []
    inner: ast.AST = node
    for outer in around(source, node, loop):
        if isinstance(outer, ast.If) and inner is not outer.test:
            found.append((outer.test, inner in outer.body))
        elif isinstance(outer, ast.IfExp) and inner is not outer.test:
            found.append((outer.test, inner is outer.body))
        elif isinstance(outer, LoopStatement) and not any(each is outer for each in sampling):
            raise DeclinedError("It is made inside of another loop")
        inner = outer
    if len(list(tests_between(source, node, loop))) != len(found):
        raise DeclinedError("The loop may leave the step before it comes to the expression")
    return found


def _can_move(source: ModuleSource, statement: ast.stmt, node: ast.expr, loop: LoopStatement, scope: Scope) -> bool:
    """Whether ``name = expression`` can go in front of the loop as it is."""
    if not isinstance(statement, ast.Assign) or statement.value is not node or statement not in loop.body:
        return False
    target = statement.targets[0]
    if len(statement.targets) != 1 or not isinstance(target, ast.Name) or len(loop.body) == 1:
        return False
    uses = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == target.id]
    first = min(uses, key=lambda each: (each.lineno, each.col_offset))
    bound_once = sum(not isinstance(each.ctx, ast.Load) for each in uses) == 1
    return bound_once and first is target and stands_alone(source, statement)


def outdented(source: ModuleSource, statement: ast.stmt, loop: LoopStatement) -> str:
    """The statement with its lines moved to the left by as much as the loop's body is to the right."""
    start = source.line_start(statement.lineno)
    end = source.line_start((statement.end_lineno or statement.lineno) + 1)
    lines = source.text[start:end].rstrip("\n").split("\n")
    by = (source.span(statement)[0] - start) - (source.span(loop)[0] - source.line_start(loop.lineno))
    first = lines[0].strip()
    rest = [line[by:] if line[:by].isspace() else line for line in lines[1:]]
    return "\n".join([first, *rest])
