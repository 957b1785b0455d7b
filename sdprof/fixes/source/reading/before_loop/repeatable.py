"""Expressions that make a tensor, and the same one the next time: they have no effect and draw nothing."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.shared_result import VIEWS
from sdprof.fixes.source.reading.before_loop.unchanging import SIZES
from sdprof.fixes.source.reading.names import Function, dotted, last_name
from sdprof.fixes.source.reading.on_device.host_trees import COMPUTES, COUNTS, FACTORIES, PURE, RANDOM
from sdprof.fixes.source.reading.tensor_calls import is_torch_call

COPIES = """
cat concat concatenate stack hstack vstack tile repeat repeat_interleave clone flip roll tril triu pad zeros_like
ones_like full_like new_zeros new_ones new_full rearrange tensor
"""
MAKERS = (FACTORIES | COUNTS | COMPUTES | PURE | VIEWS | SIZES | frozenset(COPIES.split())) - {"empty"}
NUMBERS = frozenset({"int", "float", "len", "range", "min", "max", "list", "tuple"})
ASKS = frozenset({"isinstance", "hasattr"})
"""Of types and attributes, as conditions do."""


def check_repeatable(source: ModuleSource, node: ast.expr) -> None:
    """Nothing in the expression has an effect, or another result the next time.

    :raises DeclinedError: something may.
    """
    for each in ast.walk(node):
        if not isinstance(each, ast.Call):
            continue
        name = last_name(each.func)
        if name in RANDOM:
            raise DeclinedError("Random numbers are drawn: kept, they would be the same in each step")
        if any(given.arg in ("out", "generator") for given in each.keywords):
            raise DeclinedError("The call writes to a tensor that it is given")
        of_torch = is_torch_call(source, each)
        known = of_torch or _is_of_einops(source, name) or name in NUMBERS | ASKS
        if isinstance(each.func, ast.Attribute) and not of_torch:
            known = dotted(each.func.value) not in ("self", "cls") and name not in _defined(source)
        if not known or name not in MAKERS | NUMBERS | ASKS:
            raise DeclinedError(f"It is not known whether {source.code(each.func)} gives the same the next time")


def _defined(source: ModuleSource) -> set[str]:
    return {each.name for each in ast.walk(source.tree) if isinstance(each, Function)}


def _is_of_einops(source: ModuleSource, name: str) -> bool:
    return any(
        isinstance(each, ast.ImportFrom)
        and each.module == "einops"
        and name in [a.asname or a.name for a in each.names]
        for each in source.tree.body
    )


def only_copies(node: ast.expr) -> bool:
    """Whether autocast leaves an expression as it is: nothing is computed in it."""
    parts = list(ast.walk(node))
    names = {last_name(each.func) for each in parts if isinstance(each, ast.Call)}
    joined = not any(isinstance(each, ast.BinOp) and not isinstance(each.left, ast.List) for each in parts)
    return joined and names <= VIEWS | SIZES | FACTORIES | NUMBERS | frozenset(COPIES.split())


def wider(source: ModuleSource, node: ast.expr) -> Iterator[ast.expr]:
    """The calls and sums that an expression is part of, the smallest first, up to its statement."""
    parent = source.parents[node]
    while isinstance(parent, ast.expr | ast.keyword):
        if isinstance(parent, ast.Call) and last_name(parent.func) in NUMBERS:
            return  # a list of its own, which may be changed
        if isinstance(parent, ast.Call | ast.BinOp | ast.UnaryOp | ast.Compare | ast.Subscript):
            yield parent
        elif not isinstance(parent, ast.List | ast.Tuple | ast.Attribute | ast.keyword):
            return
        parent = source.parents[parent]
