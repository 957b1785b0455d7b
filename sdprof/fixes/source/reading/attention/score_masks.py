"""Masks of attention that are filled into the scores by a statement of their own, in a branch or not."""

from __future__ import annotations

import ast
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.attention.fill_values import is_minus_infinity, is_very_low
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.names import is_free, scope_of, statement_of, within
from sdprof.fixes.source.reading.straight_line import loads_after
from sdprof.fixes.source.reading.tensor_calls import is_torch_call

MASK_NAMES = ("attn_mask", "attention_mask", "kept_scores")


@dataclass
class FilledMask:
    """What is left of the statements that fill a mask into the scores."""

    name: str = ""
    """The mask for the fused operator: an expression, or a name; empty where nothing is filled in."""
    changes: list[Replacement] = field(default_factory=list)
    gone: list[ast.stmt] = field(default_factory=list)
    finite: bool = False
    """What is filled in is a number: a row that hides every key is no row of NaN then."""
    hidden: str = ""
    """The boolean mask of the scores that stay, where ``fill`` stands in a branch."""
    fill: ast.Call | None = None
    """The call that fills the mask in, if it stands in a branch."""


def filled_mask(
    source: ModuleSource, definition: ast.Assign, node: ast.Name, besides: Collection[ast.AST] = ()
) -> FilledMask:
    """Uses of the scores between their definition and ``node``, which takes them on.

    ``scores.masked_fill_(~mask, low)`` becomes ``attn_mask = mask``, with ``attn_mask = None`` before its ``if``.

    :param besides: uses that go with the softmax.
    :raises DeclinedError: the scores are used for something else.
    """
    found = FilledMask()
    fills: list[ast.Call] = []
    asked: list[ast.stmt] = []
    for each in loads_after(source, definition):
        if each is node or each in besides or isinstance(each.ctx, ast.Del):
            continue
        parent = source.parents[each]
        attribute = parent.attr if isinstance(parent, ast.Attribute) else ""
        call = source.parents[parent]
        if attribute == "dtype":
            asked.append(statement_of(source, each))
        elif attribute == "masked_fill_" and isinstance(call, ast.Call) and isinstance(source.parents[call], ast.Expr):
            fills.append(call)
        else:
            raise DeclinedError(f"{node.id} is used for more than the attention")
    asked = [each for each in asked if each is not statement_of(source, node)]
    if len(fills) > 1 or (asked and not fills):
        raise DeclinedError(f"{node.id} is used for more than the attention")
    if fills:
        _carry_over(source, fills[0], found)
        for statement in asked:
            if statement not in found.gone and statement is not statement_of(source, fills[0]):
                raise DeclinedError(f"{node.id} is used for more than the attention")
    return found


def _carry_over(source: ModuleSource, fill: ast.Call, found: FilledMask) -> None:
    hidden, low = _hidden_by(source, fill.args, fill.keywords)
    found.finite = not is_minus_infinity(_value_of(source, low))
    statement = statement_of(source, fill)
    scope = scope_of(source, fill)
    found.name = next((name for name in MASK_NAMES if is_free(scope, name)), "")
    if not found.name:
        raise DeclinedError("No name is left for the mask")
    start, end = source.span(statement)
    parent = source.parents[statement]
    if found.finite and isinstance(parent, ast.If):
        found.hidden, found.fill = hidden, fill
    else:
        found.changes.append(Replacement(start=start, end=end, text=f"{found.name} = {hidden}"))
    if isinstance(parent, ast.If):
        _check_plain_branch(source, parent, statement)
        place = source.line_start(parent.lineno)
        indent = source.text[place : source.span(parent)[0]]
        found.changes.append(Replacement(start=place, end=place, text=f"{indent}{found.name} = None\n"))
    if isinstance(low, ast.Name):
        found.gone.append(_low_value(source, low))


def _check_plain_branch(source: ModuleSource, branch: ast.If, statement: ast.stmt) -> None:
    start = source.line_start(branch.lineno)
    if statement not in branch.body or branch.orelse or source.text[start : source.span(branch)[0]].strip():
        raise DeclinedError("The mask is filled in in one of several branches")


def filled_in(source: ModuleSource, node: ast.expr) -> tuple[ast.expr, FilledMask] | None:
    """(scores, mask) of ``scores.masked_fill(hidden, low)`` and ``torch.where(keep, scores, low)``.

    None of anything else.

    :raises DeclinedError: the value does not rule a score out, or is used elsewhere.
    """
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return None
    if node.func.attr == "masked_fill":
        scores, (kept, low) = node.func.value, _hidden_by(source, node.args, node.keywords)
    elif is_torch_call(source, node) and node.func.attr == "where" and len(node.args) == 3 and not node.keywords:
        condition, scores, low = node.args
        if _is_fill(source, low):
            kept = source.code(condition)
        elif _is_fill(source, scores):
            kept, scores, low = _inverted(source, condition), low, scores
        else:
            return None
    else:
        return None
    gone: list[ast.stmt] = [_low_value(source, low)] if isinstance(low, ast.Name) else []
    return scores, FilledMask(kept, gone=gone, finite=not is_minus_infinity(_value_of(source, low)))


def _hidden_by(source: ModuleSource, given: Sequence[ast.expr], named: Sequence[ast.keyword]) -> tuple[str, ast.expr]:
    """The boolean mask of the scores that stay, from ``masked_fill(hidden, low)``, and the fill value.

    :raises DeclinedError: the fill value does not rule a score out.
    """
    if len(given) != 2 or named:
        raise DeclinedError("The mask is filled in in a way that is not carried over")
    hidden, low = given
    if not _is_low(_value_of(source, low)):
        text = ast.unparse(_value_of(source, low))
        raise DeclinedError(f"The fill value {text} is not known to rule a score out")
    return _inverted(source, hidden), low


def _inverted(source: ModuleSource, mask: ast.expr) -> str:
    if isinstance(mask, ast.UnaryOp) and isinstance(mask.op, ast.Invert):
        return source.code(mask.operand)
    return f"~{in_parentheses(source, mask)}"


def _value_of(source: ModuleSource, low: ast.expr) -> ast.expr:
    return low if not isinstance(low, ast.Name) else _low_value(source, low).value


def _is_fill(source: ModuleSource, node: ast.expr) -> bool:
    """Whether this argument of ``torch.where`` is the fill value, and not the scores."""
    try:
        return _is_low(_value_of(source, node))
    except DeclinedError:
        return False


def _is_low(value: ast.expr) -> bool:
    return is_minus_infinity(value) or is_very_low(value)


def _low_value(source: ModuleSource, name: ast.Name) -> ast.Assign:
    """The assignment of a fill value that is used for nothing else."""
    scope = scope_of(source, name)
    uses = [each for each in within(scope) if isinstance(each, ast.Name) and each.id == name.id]
    stores = [each for each in uses if isinstance(each.ctx, ast.Store)]
    statement = source.parents[stores[0]] if len(stores) == 1 and len(uses) == 2 else None
    if not isinstance(statement, ast.Assign):
        raise DeclinedError("The fill value is used for more than the mask")
    return statement
