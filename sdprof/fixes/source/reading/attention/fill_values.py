"""What is filled into scores of attention that a mask hides: minus infinity, or a number that is merely very low."""

from __future__ import annotations

import ast

from sdprof.fixes.source.reading.names import last_name

LEAST_MASKED = -1e4
"""A fill value from here on weighs nothing beside scores of any use: in a softmax of float16, too."""
INFINITIES = frozenset({"inf", "infty", "Inf", "Infinity"})


def is_minus_infinity(node: ast.expr) -> bool:
    """``float("-inf")``, ``-float("inf")``, ``-math.inf``, ``-torch.inf`` and the like."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _is_infinity(node.operand)
    return _float_of(node) in ("-inf", "-infinity")


def is_very_low(node: ast.expr) -> bool:
    """``-1e9``, ``-torch.finfo(x.dtype).max`` and ``torch.finfo(x.dtype).min``: finite, so the scores stay a row."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        if isinstance(node.operand, ast.Constant):
            number = node.operand.value
            return isinstance(number, int | float) and -number <= LEAST_MASKED and not _is_infinity(node.operand)
        return _is_limit(node.operand, "max")
    return _is_limit(node, "min")


def _is_limit(node: ast.expr, which: str) -> bool:
    made = node.value if isinstance(node, ast.Attribute) and node.attr == which else None
    return isinstance(made, ast.Call) and last_name(made.func) == "finfo"


def _is_infinity(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return node.value == float("inf")
    return last_name(node) in INFINITIES or _float_of(node) in ("inf", "infinity")


def _float_of(node: ast.expr) -> str:
    """The text that ``float`` reads a number from, in lower case and without a plus."""
    if not (isinstance(node, ast.Call) and last_name(node.func) == "float" and len(node.args) == 1):
        return ""
    given = node.args[0]
    text = given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ""
    return text.strip().lower().removeprefix("+")
