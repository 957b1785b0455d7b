"""Fractions that are computed and then cut to whole numbers: rounded otherwise, one could become its neighbour.

Sums and products are rounded one by one as IEEE 754 says, on any device. A quotient is not: by a number of the host, a
GPU multiplies by the reciprocal; and powers, roots and exponentials come out as the library at hand computes them.
"""

from __future__ import annotations

import ast

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import last_name
from sdprof.fixes.source.reading.number_types import WHOLE, number_type
from sdprof.fixes.source.reading.seen import Values, value_of
from sdprof.fixes.source.reading.tensor_leaves import Leaf, tensor_leaves

CUTS = frozenset({"int", "round", "floor", "ceil", "trunc", "rint", "long", "short"})
WHOLE_TYPES = frozenset({"int", "long", "short", "int8", "uint8", "int16", "int32", "int64", "LongTensor", "IntTensor"})
AS_IEEE_SAYS = (ast.Add, ast.Sub, ast.Mult)
COPIES = frozenset({"float", "double", "item", "cpu", "clone", "detach"})
CHOOSES = frozenset({"max", "min", "amax", "amin"})
CASTS = frozenset({"to", "type", "astype"})


def cuts_fractions(source: ModuleSource, node: ast.expr, values: Values) -> bool:
    """Whether an expression makes whole numbers of fractions that another device may round otherwise.

    ``torch.floor(t / share).long()`` does, ``torch.floor(t * share).long()`` and ``t.long()`` do not.
    """
    for each in ast.walk(node):
        if isinstance(each, ast.BinOp) and isinstance(each.op, ast.FloorDiv):
            if tensor_leaves(each, values) and not _is_whole(source, each, values):
                return True
        elif isinstance(each, ast.Call) and _is_cut(each) and _computes_fractions(source, each, values):
            return True
    return False


def _is_cut(call: ast.Call) -> bool:
    given = [*call.args, *(each.value for each in call.keywords)]
    cast = last_name(call.func) in CASTS and any(last_name(each) in WHOLE_TYPES for each in given)
    return cast or last_name(call.func) in CUTS


def _computes_fractions(source: ModuleSource, cut: ast.Call, values: Values) -> bool:
    parts = [each for each in ast.walk(cut) if isinstance(each, ast.BinOp) and not isinstance(each.op, AS_IEEE_SAYS)]
    inner = [each for each in ast.walk(cut) if isinstance(each, ast.Call) and each is not cut and not _is_plain(each)]
    inner = [each for each in inner if not _counts(source, each, values)]
    return bool(inner) or not all(_is_whole(source, each, values) for each in parts)


def _is_plain(call: ast.Call) -> bool:
    """Whether a call inside changes the type alone, or chooses one of the numbers."""
    return _is_cut(call) or last_name(call.func) in CASTS | COPIES | CHOOSES


def _counts(source: ModuleSource, call: ast.Call, values: Values) -> bool:
    """``lengths.sum()`` of whole numbers."""
    owner = call.func.value if isinstance(call.func, ast.Attribute) and not call.args else None
    return last_name(call.func) == "sum" and owner is not None and _is_whole(source, owner, values)


def _is_whole(source: ModuleSource, node: ast.expr, values: Values) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, WHOLE) and all(_is_whole(source, each, values) for each in (node.left, node.right))
    if isinstance(node, ast.UnaryOp):
        return _is_whole(source, node.operand, values)
    if isinstance(node, Leaf):
        seen = value_of(node.value if isinstance(node, ast.Subscript) else node, values)
        if seen is not None and seen.kind in ("tensor", "array"):
            return seen.dtype.startswith(("int", "uint", "bool"))
    known = number_type(source, node, values)
    return known is not None and known.dtype.startswith(("int", "uint", "bool"))
