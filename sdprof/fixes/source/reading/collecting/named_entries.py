"""Entries that a mask selects, under a name: ``inner = t[mask]``, and then ``x[mask] = inner**2 + 1``."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import bindings, read_in, scope_of, within, written_in
from sdprof.fixes.source.reading.straight_line import block_of, stands_alone, without

ELEMENTWISE = (ast.Add, ast.Sub, ast.Mult, ast.Div)
"""Rounded one by one as IEEE 754 says: an element's result does not depend on where in the tensor it stands."""


class NamedEntries:
    """Names that stand for what the mask of one statement selects."""

    def __init__(self, source: ModuleSource, statement: ast.stmt, mask: ast.expr) -> None:
        """Look at nothing yet."""
        self.source = source
        self.statement = statement
        self.mask = mask
        self.taken: dict[str, ast.Assign] = {}

    def whole(self, name: ast.Name) -> ast.expr | None:
        """``t`` of ``inner = t[mask]``, if it is at the statement what it was there."""
        given = self._given(name)
        same = isinstance(given, ast.Subscript) and ast.dump(given.slice) == ast.dump(self.mask)
        return given.value if isinstance(given, ast.Subscript) and same and isinstance(given.value, ast.Name) else None

    def formula(self, name: ast.Name) -> ast.BinOp | None:
        """``inner**2 + 1`` of ``part = inner**2 + 1``, on the same conditions."""
        given = self._given(name)
        return given if isinstance(given, ast.BinOp) else None

    def _given(self, name: ast.Name) -> ast.expr | None:
        """What the one assignment gives the name, where nothing is written to between it and the statement."""
        bound = bindings(scope_of(self.source, self.statement), name.id)
        taken = bound[0].node if len(bound) == 1 else None
        block = block_of(self.source, self.statement)
        if not isinstance(taken, ast.Assign) or len(taken.targets) != 1 or taken not in block:
            return None
        between = block[block.index(taken) + 1 : block.index(self.statement)]
        rebound = {each for one in between for each in written_in(one)}
        if not all(map(self._writes_to_nothing, between)) or rebound & (read_in(taken.value) | {name.id}):
            return None
        self.taken[name.id] = taken
        return taken.value

    def _writes_to_nothing(self, statement: ast.stmt) -> bool:
        """Whether a statement but gives a name a value, of arithmetic and formulas."""
        if isinstance(statement, ast.FunctionDef) or statement in self.taken.values():
            return True
        named = isinstance(statement, ast.Assign) and all(isinstance(each, ast.Name) for each in statement.targets)
        calls = [each for each in ast.walk(statement) if isinstance(each, ast.Call)]
        return named and all(is_formula(self.source, each) for each in calls)

    def needless(self) -> Iterator[Replacement]:
        """Remove assignments whose names nothing else reads, the last one first."""
        inside = set(ast.walk(self.statement))
        scope = scope_of(self.source, self.statement)
        gone: list[ast.stmt] = []
        for name, taken in sorted(self.taken.items(), key=lambda each: each[1].lineno, reverse=True):
            uses = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == name]
            loads = [each for each in uses if isinstance(each.ctx, ast.Load)]
            if all(each in inside for each in loads) and stands_alone(self.source, taken):
                gone.append(taken)
                inside |= set(ast.walk(taken))
        yield from without(self.source, gone)


def rounds_alike(node: ast.BinOp) -> bool:
    """Whether an operation gives an element the same bits wherever it stands: a square and a cube are products."""
    if isinstance(node.op, ast.Pow):
        return isinstance(node.right, ast.Constant) and node.right.value in (2, 3)
    return isinstance(node.op, ELEMENTWISE)


def is_formula(source: ModuleSource, call: ast.Call) -> bool:
    """Whether a function of the same file is called that returns sums and products of its arguments, and no more."""
    if not isinstance(call.func, ast.Name) or call.keywords or any(isinstance(each, ast.Starred) for each in call.args):
        return False
    scope = scope_of(source, call)
    bound = bindings(scope, call.func.id) or bindings(source.tree, call.func.id)
    function = bound[0].node if len(bound) == 1 else None
    if not isinstance(function, ast.FunctionDef) or function.decorator_list:
        return False
    body = [each for each in function.body if not (isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant))]
    if len(body) != 1 or not isinstance(body[0], ast.Return) or body[0].value is None:
        return False
    parameters = {each.arg for each in function.args.args}
    free = {each.id for each in within(function) if isinstance(each, ast.Name)} - parameters - {"self"}
    if free or len(parameters) != len(call.args):
        return False
    return _is_arithmetic(body[0].value, parameters)


def _is_arithmetic(node: ast.expr, parameters: set[str]) -> bool:
    if isinstance(node, ast.BinOp):
        if not read_in(node) & parameters:
            return True  # of settings of an object: a number, as in the step that was watched
        return rounds_alike(node) and all(_is_arithmetic(each, parameters) for each in (node.left, node.right))
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and _is_arithmetic(node.operand, parameters)
    if isinstance(node, ast.Attribute):
        return not read_in(node) & parameters
    return isinstance(node, ast.Constant | ast.Name)
