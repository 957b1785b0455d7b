"""Follow a number that was read from the device: whether arithmetic with tensors there is all that it is read for."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import bindings, last_name, scope_of, within
from sdprof.fixes.source.reading.seen import SAME_DEVICE_METHODS, Values, value_of
from sdprof.fixes.source.reading.straight_line import loads_after
from sdprof.fixes.source.reading.tensor_calls import is_torch_call, number_read

WIDE = frozenset({"float32", "float64"})
"""Of narrower tensors, the kernels take a Python number as it is, and would round one of the device's first."""
LIKE = frozenset({"randn_like", "rand_like", "zeros_like", "ones_like", "empty_like"})
_OTHERS = """
cumprod cumsum expand flatten flip half long int max mean min norm prod repeat reshape squeeze sum unsqueeze view amax
amin any all std var
"""
ELEMENTWISE = SAME_DEVICE_METHODS - frozenset(_OTHERS.split())
"""Of the methods that stay on the device, those that keep the shape and give no whole numbers."""
DEPTH = 6


@dataclass
class GoesOn:
    """What a number is used for, all of it arithmetic."""

    exact: bool = True
    """No step of it rounds elsewhere on the device: a quotient may be a product with the reciprocal there."""
    divides: bool = False
    """Python raises where it is zero; the device gives an infinity."""
    ends: int = 0
    """Tensors of the device, with dimensions, that it is added to, taken from or multiplied with."""


def goes_on(source: ModuleSource, number: ast.expr, values: Values) -> GoesOn | None:
    """The uses of a number's expression, through the names that it is given; None where one is anything else.

    A 0-dim tensor of doubles stands for a Python float then: of tensors with dimensions it changes no type, and is
    rounded to theirs as the float is.
    """
    found = GoesOn()
    waiting = [number]
    while waiting:
        node = waiting.pop()
        parent = source.parents[node]
        if isinstance(parent, ast.UnaryOp) and isinstance(parent.op, ast.USub):
            waiting.append(parent)
        elif isinstance(parent, ast.BinOp):
            other = parent.right if parent.left is node else parent.left
            if not isinstance(parent.op, ast.Add | ast.Sub | ast.Mult | ast.Div):
                return None
            if _has_dimensions(source, other, values):
                found.ends += 1
                found.exact = found.exact and not isinstance(parent.op, ast.Div)
            elif _is_number(source, other, values):
                _with_number(parent, other, found)
                waiting.append(parent)
            else:
                return None
        elif isinstance(parent, ast.AugAssign) and parent.value is node:
            if not isinstance(parent.op, ast.Add | ast.Sub | ast.Mult):
                return None
            if not _has_dimensions(source, parent.target, values):
                return None
            found.ends += 1
        else:
            loads = _loads(source, parent)
            if loads is None:
                return None
            waiting += loads
    return found if found.ends else None


def _with_number(operation: ast.BinOp, other: ast.expr, found: GoesOn) -> None:
    """Sums, differences and products of doubles are the same everywhere."""
    if isinstance(operation.op, ast.Div):
        found.exact = False
        found.divides = found.divides or operation.right is not other


def _loads(source: ModuleSource, statement: ast.AST) -> list[ast.Name] | None:
    """Where the name is read that a statement gives a number; None where anything else may give it one, or read it."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return None
    target, scope = statement.targets[0], scope_of(source, statement)
    if not isinstance(target, ast.Name) or len(bindings(scope, target.id)) != 1:
        return None
    everywhere = [each for each in ast.walk(scope) if isinstance(each, ast.Name) and each.id == target.id]
    after, own = loads_after(source, statement), set(map(id, within(scope)))
    alone = len(everywhere) == len(after) + 1 and all(id(each) in own for each in after)
    return after if alone else None


def _is_number(source: ModuleSource, node: ast.expr, values: Values, depth: int = 0) -> bool:
    """Whether an expression gives a number of Python's, or one that stays on the device as this one does."""
    seen = value_of(node, values)
    if seen is not None:
        return seen.kind == "number"
    if isinstance(node, ast.Constant):
        return isinstance(node.value, int | float)
    if isinstance(node, ast.UnaryOp):
        return _is_number(source, node.operand, values, depth)
    if isinstance(node, ast.BinOp):
        return all(_is_number(source, each, values, depth) for each in (node.left, node.right))
    if isinstance(node, ast.Name) and depth < DEPTH:
        bound = bindings(scope_of(source, node), node.id)
        made = bound[0].value if len(bound) == 1 and bound[0].kind == "assignment" else None
        return made is not None and _is_number(source, made, values, depth + 1)
    return number_read(node) is not None


def _has_dimensions(source: ModuleSource, node: ast.expr, values: Values, depth: int = 0) -> bool:
    """Whether an expression gives a tensor on the device that has dimensions, of single or double precision."""
    seen = value_of(node, values)
    if seen is not None:
        return (seen.kind, seen.device) == ("tensor", "cuda") and len(seen.shape) > 0 and seen.dtype in WIDE
    if depth > DEPTH:
        return False
    if isinstance(node, ast.Name):
        bound = bindings(scope_of(source, node), node.id)
        made = bound[0].value if len(bound) == 1 and bound[0].kind == "assignment" else None
        return made is not None and _has_dimensions(source, made, values, depth + 1)
    if isinstance(node, ast.UnaryOp):
        return _has_dimensions(source, node.operand, values, depth + 1)
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right)
        return any(_has_dimensions(source, each, values, depth + 1) for each in sides)
    if isinstance(node, ast.Call) and last_name(node.func) in LIKE and is_torch_call(source, node) and node.args:
        return not node.keywords and _has_dimensions(source, node.args[0], values, depth + 1)
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in ELEMENTWISE
        and _has_dimensions(source, node.func.value, values, depth + 1)
    )
