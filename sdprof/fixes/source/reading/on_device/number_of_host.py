"""A single number that the host computes as a tensor without dimensions, before it goes to the device."""

from __future__ import annotations

import ast

from sdprof.fixes.source.evidence import SiteEvidence
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.on_device.moves import is_to_host
from sdprof.fixes.source.reading.on_host.host_numbers import is_number
from sdprof.fixes.source.reading.seen import ARITHMETIC, Values, value_of

KEEP_TYPE = frozenset({"floor", "ceil", "round", "abs", "neg", "sqrt", "exp", "log", "cos", "sin", "clamp", "square"})
"""Methods that give a fraction for a fraction, of the same dtype."""


def number_of_host(
    source: ModuleSource, host: ast.expr, site: SiteEvidence, values: Values
) -> tuple[str, str, str] | None:
    """(shape, tensor, dtype) of ``(n * share).floor().unsqueeze(0)``, ``share`` a fraction of the host, as text.

    None where it may have other dimensions, or another dtype than ``share``.
    """
    shape, scalar = "()", host
    if (
        isinstance(host, ast.Call)
        and isinstance(host.func, ast.Attribute)
        and not host.keywords
        and (host.func.attr, [ast.unparse(each) for each in host.args]) in WITH_ONE_DIMENSION
    ):
        shape, scalar = "(1,)", host.func.value
    if site.shape != ((1,) if shape == "(1,)" else ()) or not isinstance(scalar, ast.Call | ast.BinOp):
        return None
    share = _fraction_in(source, scalar, site.dtype, values)
    return None if share is None else (shape, in_parentheses(source, scalar), f"{share}.dtype")


WITH_ONE_DIMENSION = (("unsqueeze", ["0"]), ("view", ["1"]), ("reshape", ["1"]))


def _fraction_in(source: ModuleSource, node: ast.expr, dtype: str, values: Values) -> str | None:
    """The name of a tensor without dimensions on the host that gives the whole expression its dtype and shape."""
    seen = value_of(node, values)
    if seen is not None:
        fits = (seen.kind, seen.device, seen.shape, seen.dtype) == ("tensor", "cpu", (), dtype)
        return ast.unparse(node) if fits and dtype.startswith(("float", "bfloat")) else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ARITHMETIC):
        sides = [each for each in (node.left, node.right) if not is_number(source, each, values)]
        return _fraction_in(source, sides[0], dtype, values) if len(sides) == 1 else None
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_to_host(node):
        return _fraction_in(source, node.func.value, dtype, values)  # it is there already
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in KEEP_TYPE:
        given = [*node.args, *(each.value for each in node.keywords)]
        plain = all(is_number(source, each, values) for each in given)
        return _fraction_in(source, node.func.value, dtype, values) if plain else None
    return None
