"""Operations that treat every element alike: they may be done to a batch as well as to one item of it."""

from __future__ import annotations

import ast

from sdprof.fixes.source.reading.names import dotted

_METHODS = """
abs add clamp clip div double float half mul neg round square sqrt sub to type byte int long detach contiguous clone
"""
METHODS = frozenset(_METHODS.split())
OPERATORS = (ast.Add, ast.Sub, ast.Mult, ast.Div)


def elementwise_of(node: ast.expr, name: str) -> bool:
    """Whether an expression is ``name``, and numbers, put through nothing but elementwise operations."""
    if isinstance(node, ast.Name):
        return node.id == name
    if isinstance(node, ast.UnaryOp):
        return isinstance(node.op, ast.USub) and elementwise_of(node.operand, name)
    if isinstance(node, ast.BinOp) and isinstance(node.op, OPERATORS):
        sides = (node.left, node.right)
        return any(elementwise_of(one, name) and _is_number(other) for one, other in (sides, sides[::-1]))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        given = [*node.args, *(each.value for each in node.keywords)]
        return all(_is_number(each) or _is_dtype(each) for each in given) and elementwise_of(node.func.value, name)
    return False


def _is_number(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp):
        return _is_number(node.operand)
    if isinstance(node, ast.BinOp):
        return _is_number(node.left) and _is_number(node.right)
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float)


def _is_dtype(node: ast.expr) -> bool:
    return (dotted(node) or "").startswith(("torch.float", "torch.int", "torch.uint", "torch.bfloat", "torch.half"))
