"""Which names and entries of an expression may be tensors on the device."""

from __future__ import annotations

import ast

from sdprof.fixes.source.reading.names import dotted
from sdprof.fixes.source.reading.seen import Values, is_tensor, value_of

Leaf = ast.Name | ast.Attribute | ast.Subscript


def tensor_leaves(node: ast.expr, values: Values) -> list[ast.expr]:
    """The largest names, attributes and entries in an expression that may be device tensors."""
    if isinstance(node, Leaf) and dotted(node) is not None:
        return [node] if is_tensor(node, values, "cuda") is not False and not _is_unseen(node, values) else []
    if isinstance(node, ast.Subscript):
        if dotted(node.value) is not None:
            entry = is_tensor(node.value, values) is not False or _lists_device_tensors(node.value, values)
            if entry and not _is_unseen(node.value, values):
                return [node]
            return tensor_leaves(node.slice, values)
        return [*tensor_leaves(node.value, values), *tensor_leaves(node.slice, values)]
    if isinstance(node, ast.Call):
        owner = [node.func.value] if isinstance(node.func, ast.Attribute) else []
        parts: list[ast.expr] = [*owner, *node.args, *(each.value for each in node.keywords)]
    elif isinstance(node, ast.Attribute):
        parts = [node.value] if node.attr not in ("device", "dtype", "shape", "ndim") else []
    elif isinstance(node, ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
        parts = []
    else:
        parts = [each for each in ast.iter_child_nodes(node) if isinstance(each, ast.expr)]
    return [leaf for part in parts for leaf in tensor_leaves(part, values)]


def _lists_device_tensors(node: ast.expr, values: Values) -> bool:
    seen = value_of(node, values)
    return seen is not None and seen.type_name in ("list", "tuple") and seen.device == "cuda"


def _is_unseen(node: ast.expr, values: Values) -> bool:
    """Whether somebody looked at this frame's names and saw none like this: a module, a property, a global."""
    return bool(values) and dotted(node) not in values
