"""Matrix products as attention writes them: einsum, bmm, matmul, ``@``, baddbmm; which axis is what."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.names import bindings, last_name, scope_of
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
        return _einsum(source, node, rank)
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


def _einsum(source: ModuleSource, call: ast.Call, rank: int) -> Product:
    texts = [_formula(source, each) for each in call.args]
    operands = [each for each, text in zip(call.args, texts, strict=True) if text is None]
    if len(operands) == 1 and isinstance(operands[0], ast.List | ast.Tuple):
        operands = operands[0].elts
    formula = next((text for text in texts if text is not None), None)
    if formula is None or len(operands) != 2 or call.keywords:
        raise DeclinedError("The einsum is not one of two tensors with its formula written out")
    inputs, arrow, output = formula.partition("->")
    if not arrow or inputs.count(",") != 1:
        raise DeclinedError(f"The formula {formula!r} is not of the kind that is carried over")
    words = [_axes_in(part.strip(), output, rank) for part in (*inputs.split(","), output)]
    distinct = dict.fromkeys(word for each in words for word in each)
    letters = {word: chr(ord("a") + number) for number, word in enumerate(distinct)}
    left, right, out = ("".join(letters[word] for word in each) for each in words)
    return Product(Operand(operands[0], left), Operand(operands[1], right), out)


def _formula(source: ModuleSource, node: ast.expr) -> str | None:
    """A text that is written out, as it is, in an f-string, or under a name that stands for nothing else."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [_formula(source, each.value if isinstance(each, ast.FormattedValue) else each) for each in node.values]
        return None if None in parts else "".join(part for part in parts if part is not None)
    if isinstance(node, ast.Name):
        bound = bindings(scope_of(source, node), node.id) or bindings(source.tree, node.id)
        value = bound[0].value if len(bound) == 1 and bound[0].kind == "assignment" else None
        return _formula(source, value) if isinstance(value, ast.Constant | ast.JoinedStr) else None
    return None


def _axes_in(part: str, output: str, rank: int) -> list[str]:
    """The axes of one tensor of a formula; ``...`` are as many as the result has besides those that have a name."""
    spaced = " " in part
    words = re.findall(r"\.\.\.|\w+" if spaced else r"\.\.\.|\w", part)
    named = re.findall(r"\w+" if " " in output.strip() else r"\w", output)
    others = [f"...{number}" for number in range(rank - len(named))]
    return [axis for word in words for axis in (others if word == "..." else [word])]


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
