"""Expressions that hold nothing but numbers: the host has their value without asking a device."""

from __future__ import annotations

import ast

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import bindings, last_name
from sdprof.fixes.source.reading.seen import Values, is_tensor

NUMBER_MODULES = frozenset({"math", "np", "numpy"})
NUMBER_FUNCTIONS = frozenset({"len", "int", "float", "min", "max", "round", "abs"})


def is_number(source: ModuleSource, node: ast.expr, values: Values) -> bool:
    """Whether an expression holds nothing that may be a tensor."""
    if isinstance(node, ast.Constant):
        return True
    if is_size(node):
        return True
    if isinstance(node, ast.Name | ast.Attribute):
        return is_tensor(node, values) is False or _is_constant(source, node)
    if isinstance(node, ast.BinOp):
        return is_number(source, node.left, values) and is_number(source, node.right, values)
    if isinstance(node, ast.UnaryOp):
        return is_number(source, node.operand, values)
    if isinstance(node, ast.Tuple | ast.List):
        return all(is_number(source, each, values) for each in node.elts)
    if isinstance(node, ast.Call):
        owner = node.func.value if isinstance(node.func, ast.Attribute) else None
        library = isinstance(owner, ast.Name) and owner.id in NUMBER_MODULES
        plain = isinstance(node.func, ast.Name) and node.func.id in NUMBER_FUNCTIONS
        if plain and last_name(node.func) == "len":
            return True
        return (library or plain) and all(is_number(source, each, values) for each in node.args)
    return False


def is_size(node: ast.expr) -> bool:
    """``x.shape``, ``x.shape[0]``, ``x.size(0)`` and ``*x.shape``: the host knows them, wherever the tensor lies."""
    if isinstance(node, ast.Starred | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Call):
        sized = isinstance(node.func, ast.Attribute) and node.func.attr in ("size", "dim", "numel")
        return sized and all(isinstance(each, ast.Constant | ast.UnaryOp) for each in node.args)
    return isinstance(node, ast.Attribute) and node.attr in ("shape", "ndim")


def _is_constant(source: ModuleSource, node: ast.expr) -> bool:
    """A name that the module gives a number, once."""
    if not isinstance(node, ast.Name):
        return (
            isinstance(node.value, ast.Name) and node.value.id == "math" if isinstance(node, ast.Attribute) else False
        )
    bound = bindings(source.tree, node.id)
    value = bound[0].value if len(bound) == 1 and bound[0].kind == "assignment" else None
    return value is not None and is_number(source, value, {})
