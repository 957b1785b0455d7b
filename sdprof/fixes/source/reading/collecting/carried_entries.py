"""Entries that a mask selects of one tensor, carried by a name to the same places of another one."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import bindings, dotted, scope_of, within, written_in
from sdprof.fixes.source.reading.straight_line import block_of, stands_alone

FRESH = frozenset({"clone", "zeros_like", "ones_like", "full_like", "empty_like", "where", "softmax", "exp"})


@dataclass(frozen=True)
class CarriedEntries:
    """``kept = y[mask]``, and then ``x[mask] = kept``."""

    taken: ast.Assign
    put: ast.Assign
    giver: ast.expr
    target: ast.Subscript


def carried_entries(source: ModuleSource, statement: ast.stmt) -> CarriedEntries | None:
    """Both statements, given one of them; None where ``y``, the mask or ``kept`` may be something else in between.

    ``x`` is made by arithmetic between or before them, so that it is no other name of ``y``.
    """
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target, value = statement.targets[0], statement.value
    kept = target if isinstance(value, ast.Subscript) and isinstance(target, ast.Name) else value
    if not isinstance(kept, ast.Name):
        return None
    scope = scope_of(source, statement)
    bound = bindings(scope, kept.id)
    uses = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == kept.id]
    taken = bound[0].node if len(bound) == 1 else None
    if not isinstance(taken, ast.Assign) or len(uses) != 2 or not all(each in set(within(scope)) for each in uses):
        return None
    put = source.parents[uses[1]]
    to = put.targets[0] if isinstance(put, ast.Assign) and put.value is uses[1] and len(put.targets) == 1 else None
    given = taken.value
    if not isinstance(put, ast.Assign) or not isinstance(to, ast.Subscript) or not isinstance(given, ast.Subscript):
        return None
    same = ast.dump(to.slice) == ast.dump(given.slice) and isinstance(to.value, ast.Name)
    names = [dotted(each) for each in (given.value, given.slice)]
    if not same or None in names or not (stands_alone(source, taken) and stands_alone(source, put)):
        return None
    block = block_of(source, taken)
    if put not in block:
        return None
    between = block[block.index(taken) + 1 : block.index(put)]
    roots = {(each or "").partition(".")[0] for each in names}
    touched = {name.partition(".")[0] for each in between for name in written_in(each)}
    if roots & touched or not _is_made_afresh(between, to.value):
        return None
    return CarriedEntries(taken, put, given.value, to)


def _is_made_afresh(statements: list[ast.stmt], name: ast.expr) -> bool:
    """Whether one of these statements makes a tensor of its own under a name, the last of them that binds it."""
    made = [
        each
        for each in statements
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == ast.unparse(name)
    ]
    if not made:
        return False
    value = made[-1].value
    called = value.func.attr if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) else ""
    return isinstance(value, ast.BinOp) or called in FRESH
