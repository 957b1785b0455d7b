"""Which type of number an expression gives: a factory infers its tensor's dtype from it."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import Literal

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import bindings, last_name
from sdprof.fixes.source.reading.seen import Values, value_of
from sdprof.fixes.source.reading.tensor_calls import FLOATS

PYTHON = ("bool", "int", "float")
"""From the narrowest to the widest."""
WHOLE = (ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod)
"""Operators that take whole numbers to whole numbers."""
COUNTING = frozenset({"len", "int", "round", "floor", "ceil"})


@dataclass(frozen=True)
class NumberType:
    """``int`` of Python, or ``float64`` of an entry of an array or of a tensor, which keeps its dtype."""

    of: Literal["python", "array"]
    dtype: str


FLOAT, INT, BOOL = NumberType("python", "float"), NumberType("python", "int"), NumberType("python", "bool")


def number_type(source: ModuleSource, node: ast.expr, values: Values) -> NumberType | None:
    """The type of an expression's number; None of what is no number, or not known to be one."""
    if isinstance(node, ast.Constant):
        return NumberType("python", type(node.value).__name__) if type(node.value).__name__ in PYTHON else None
    if isinstance(node, ast.Name | ast.Attribute):
        return _of_name(source, node, values)
    if isinstance(node, ast.UnaryOp) and not isinstance(node.op, ast.Not):
        inner = number_type(source, node.operand, values)
        return INT if inner == BOOL else inner
    if isinstance(node, ast.BinOp):
        return _of_arithmetic(node, number_type(source, node.left, values), number_type(source, node.right, values))
    if isinstance(node, ast.IfExp):
        body, orelse = number_type(source, node.body, values), number_type(source, node.orelse, values)
        return body if body == orelse else None
    if isinstance(node, ast.Subscript):
        return _of_entry(source, node, values)
    if isinstance(node, ast.Call):
        return _of_call(source, node, values)
    return None


def _of_name(source: ModuleSource, node: ast.Name | ast.Attribute, values: Values) -> NumberType | None:
    seen = value_of(node, values)
    if seen is not None:
        if seen.kind == "number":
            return NumberType("python", seen.dtype)
        return NumberType("array", seen.dtype) if seen.kind in ("array", "tensor") and seen.shape == () else None
    if isinstance(node, ast.Attribute):
        return FLOAT if last_name(node.value) == "math" else None
    bound = bindings(source.tree, node.id)
    value = bound[0].value if len(bound) == 1 and bound[0].kind == "assignment" else None
    return number_type(source, value, {}) if isinstance(value, ast.Constant | ast.UnaryOp) else None


def _of_arithmetic(node: ast.BinOp, left: NumberType | None, right: NumberType | None) -> NumberType | None:
    if left is None or right is None:
        return None
    if left.of == right.of == "python":
        if isinstance(node.op, ast.Div):
            return FLOAT
        if FLOAT in (left, right) and isinstance(node.op, (*WHOLE, ast.Pow)):
            return FLOAT
        return INT if isinstance(node.op, WHOLE) else None
    array, other = (left, right) if left.of == "array" else (right, left)
    if other not in (array, INT, FLOAT) or not isinstance(node.op, (*WHOLE, ast.Div)):
        return None
    if array.dtype == "float64":
        return array
    return array if array.dtype == "int64" and other != FLOAT and isinstance(node.op, WHOLE) else None


def _of_entry(source: ModuleSource, node: ast.Subscript, values: Values) -> NumberType | None:
    if isinstance(node.value, ast.Attribute) and node.value.attr == "shape":
        return INT
    table = value_of(node.value, values)
    index = number_type(source, node.slice, values)
    if table is None or index is None or index.dtype in ("bool", "float"):
        return None
    if table.kind in ("array", "tensor"):
        return NumberType("array", table.dtype) if len(table.shape) == 1 else None
    if table.type_name in ("list", "tuple") and not table.device and table.dtype in PYTHON:
        return NumberType("python", table.dtype)
    return INT if table.type_name == "range" else None


def _of_call(source: ModuleSource, call: ast.Call, values: Values) -> NumberType | None:
    name = last_name(call.func)
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    if name in ("size", "dim", "numel") and owner is not None and len(call.args) == (name == "size"):
        return INT
    if name == "item" and owner is not None and not call.args:
        held = number_type(source, owner, values) or _of_single(owner, values)
        if held is None or held.of == "python":
            return held
        return FLOAT if held.dtype in FLOATS else BOOL if held.dtype == "bool" else INT
    given = [number_type(source, each, values) for each in call.args]
    if None in given or not given or call.keywords:
        # Only whether they count or not is asked of these: what they are given may be anything.
        return INT if name in ("len", "int") and owner is None else FLOAT if name == "float" and owner is None else None
    if owner is None:
        if name in COUNTING and len(given) == 1:
            return INT
        if name == "float":
            return FLOAT
        return given[0] if name in ("min", "max", "abs") and len(set(given)) == 1 and given[0] != BOOL else None
    if isinstance(owner, ast.Name) and owner.id == "math":
        return INT if name in COUNTING else FLOAT
    return None


def _of_single(node: ast.expr, values: Values) -> NumberType | None:
    """A tensor of one element, whatever its shape."""
    seen = value_of(node, values)
    held = seen is not None and seen.kind in ("array", "tensor") and all(size == 1 for size in seen.shape)
    return NumberType("array", seen.dtype) if held and seen is not None else None
