"""What the names in an expression stood for when its event happened."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from sdprof.fixes.source.reading.names import dotted
from sdprof.model import SeenValue

Values = Mapping[str, SeenValue]
ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)


def value_of(node: ast.AST, values: Values) -> SeenValue | None:
    """What was seen of a name, an attribute chain or ``settings["eta"]``; None of anything else, or where none was."""
    name = dotted(node)
    if name is None and isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        owner, key = dotted(node.value), node.slice.value
        name = f'{owner}["{key}"]' if owner is not None and isinstance(key, str) else None
    return None if name is None else values.get(name)


def is_tensor(node: ast.expr, values: Values, device: str | None = None) -> bool | None:
    """Whether an expression gives a tensor (on a device, if one is named); None where it cannot be told."""
    seen = value_of(node, values)
    if seen is not None:
        return seen.kind == "tensor" and (device is None or seen.device == device)
    if isinstance(node, ast.Constant | ast.JoinedStr | ast.List | ast.Tuple | ast.Dict | ast.Set):
        return False
    if isinstance(node, ast.Subscript):
        whole = is_tensor(node.value, values, device)
        return whole if isinstance(node.slice, ast.Slice) else whole or None  # an entry of a list may be one
    if isinstance(node, ast.UnaryOp):
        return is_tensor(node.operand, values, device)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ARITHMETIC):
        sides = (is_tensor(node.left, values, device), is_tensor(node.right, values, device))
        return True if True in sides else None if None in sides else False
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = is_tensor(node.func.value, values, device)
        return True if owner and node.func.attr in SAME_DEVICE_METHODS else None
    return None


_METHODS = """
abs add clamp clone contiguous cos cumprod cumsum detach div exp expand flatten flip float half double log log2 long int
max mean min mul neg norm pow prod reciprocal repeat reshape rsqrt sigmoid sin sqrt square squeeze sub sum tanh
unsqueeze view amax amin any all std var
"""
SAME_DEVICE_METHODS = frozenset(_METHODS.split())


def device_of(node: ast.expr | None, values: Values) -> str | None:
    """``cpu`` or ``cuda`` of an expression given as ``device=``; None where it cannot be told."""
    if node is None:
        return None
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.partition(":")[0]
    if isinstance(node, ast.Attribute) and node.attr == "device":
        owner = value_of(node.value, values)
        if owner is not None and owner.kind == "tensor":
            return owner.device
    seen = value_of(node, values)
    return seen.device or None if seen is not None else None
