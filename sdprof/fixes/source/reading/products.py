"""Matrix products as attention writes them: einsum, bmm, matmul, ``@``, baddbmm; which axis is what."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.names import last_name
from sdprof.fixes.source.reading.tensor_calls import keyword

PRODUCTS = frozenset({"einsum", "bmm", "matmul", "baddbmm"})


@dataclass(frozen=True)
class Operand:
    """A factor, with a letter for each of its axes."""

    node: ast.expr
    axes: str


@dataclass(frozen=True)
class Product:
    """``left`` times ``right``: the letters that are in both and not in ``axes`` are summed over."""

    left: Operand
    right: Operand
    axes: str
    scale: str = ""
    """A factor that the product is multiplied with (``alpha`` of baddbmm)."""


def product_of(source: ModuleSource, node: ast.expr, rank: int) -> Product | None:
    """Read a product of two tensors of so many axes; None of anything else.

    :raises DeclinedError: it is a product in a form that is not understood.
    """
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        return _matrices(node.left, node.right, rank)
    if not isinstance(node, ast.Call):
        return None
    name = last_name(node.func)
    if name == "einsum":
        return _einsum(node)
    if name in ("bmm", "matmul"):
        if len(node.args) == 2 and not node.keywords:
            return _matrices(node.args[0], node.args[1], rank)
        if len(node.args) == 1 and isinstance(node.func, ast.Attribute) and not node.keywords:
            return _matrices(node.func.value, node.args[0], rank)
    if name == "baddbmm" and len(node.args) == 3:
        beta, alpha = keyword(node, "beta"), keyword(node, "alpha")
        if not (isinstance(beta, ast.Constant) and beta.value == 0):
            raise DeclinedError("baddbmm adds a matrix to the scores (beta is not 0)")
        plain = _matrices(node.args[1], node.args[2], rank)
        return Product(plain.left, plain.right, plain.axes, "" if alpha is None else source.code(alpha))
    return None


def _matrices(left: ast.expr, right: ast.expr, rank: int) -> Product:
    batch = "abcdefgh"[: rank - 2]
    return Product(Operand(left, f"{batch}xy"), Operand(right, f"{batch}yz"), f"{batch}xz")


def _einsum(call: ast.Call) -> Product:
    if len(call.args) != 3 or not (isinstance(call.args[0], ast.Constant) and isinstance(call.args[0].value, str)):
        raise DeclinedError("The einsum is not one of two tensors with its formula written out")
    formula = call.args[0].value
    inputs, arrow, output = formula.partition("->")
    if not arrow or "." in formula or inputs.count(",") != 1:
        raise DeclinedError(f"The formula {formula!r} is not of the kind that is carried over")
    words = [part.split() if " " in part.strip() else list(part.strip()) for part in (*inputs.split(","), output)]
    distinct = dict.fromkeys(word for each in words for word in each)
    letters = {word: chr(ord("a") + number) for number, word in enumerate(distinct)}
    left, right, out = ("".join(letters[word] for word in each) for each in words)
    return Product(Operand(call.args[1], left), Operand(call.args[2], right), out)


def arranged(text: str, axes: str, wanted: str) -> str:
    """The text of a tensor with its axes in another order."""
    if axes == wanted:
        return text
    order = [axes.index(letter) for letter in wanted]
    moved = [position for position, origin in enumerate(order) if position != origin]
    if len(moved) == 2:
        last_two = moved[0] == len(axes) - 2
        first, second = (position - len(axes) if last_two else position for position in moved)
        return f"{text}.transpose({first}, {second})"
    return f"{text}.permute({', '.join(map(str, order))})"


def transposed_from(node: ast.expr, rank: int) -> ast.expr | None:
    """``k`` of ``k.transpose(-1, -2)``, ``k.mT`` and ``k.permute(0, 2, 1)``: the last two axes swapped."""
    if isinstance(node, ast.Attribute) and node.attr == "mT":
        return node.value
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and not node.keywords):
        return None
    numbers = [_integer(each) for each in node.args]
    if None in numbers:
        return None
    axes = [number % rank for number in numbers if number is not None]
    swapped = [*range(rank - 2), rank - 1, rank - 2]
    if node.func.attr == "transpose" and sorted(axes) == [rank - 2, rank - 1]:
        return node.func.value
    return node.func.value if node.func.attr == "permute" and axes == swapped else None


def _integer(node: ast.expr) -> int | None:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        inner = _integer(node.operand)
        return None if inner is None else -inner
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, int) else None


def operand_text(source: ModuleSource, operand: Operand, wanted: str, rank: int) -> str:
    """An operand with its axes in the wanted order, without a cast to float32 that the fused operator does not need."""
    node: ast.expr = without_cast(operand.node)
    axes = operand.axes
    inner = transposed_from(node, rank) if axes != wanted else None
    if inner is not None:
        node, axes = without_cast(inner), f"{axes[:-2]}{axes[-1]}{axes[-2]}"
    return arranged(in_parentheses(source, node), axes, wanted)


def without_cast(node: ast.expr) -> ast.expr:
    """``x`` of ``x.float()`` and ``x.to(torch.float32)``."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and is_cast(node):
        node = node.func.value
    return node


def is_cast(node: ast.expr) -> bool:
    """Whether a method call changes the dtype alone."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    if node.func.attr in ("float", "half", "bfloat16", "type", "type_as"):
        return True
    given = [*node.args, *(each.value for each in node.keywords)]
    return node.func.attr == "to" and len(given) == 1 and _names_dtype(given[0])


def _names_dtype(node: ast.expr) -> bool:
    name = last_name(node)
    return name.endswith("dtype") or name in ("float32", "float16", "bfloat16", "float64", "float", "half")
