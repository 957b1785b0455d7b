"""Masks of attention that are filled into the scores by a statement of their own, in a branch or not."""

from __future__ import annotations

import ast
from collections.abc import Collection
from dataclasses import dataclass, field

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import in_parentheses
from sdprof.fixes.source.reading.names import is_free, scope_of, statement_of, within
from sdprof.fixes.source.reading.straight_line import loads_after

LEAST_MASKED = -1e4
"""A fill value below this weighs nothing in a softmax of float16 scores, and of wider ones."""
MASK_NAMES = ("attn_mask", "attention_mask", "kept_scores")


@dataclass
class FilledMask:
    """What is left of the statements that fill a mask into the scores."""

    name: str = ""
    """The name that holds the mask for the fused operator, or None; empty where nothing is filled in."""
    changes: list[Replacement] = field(default_factory=list)
    gone: list[ast.stmt] = field(default_factory=list)


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
    hidden, low = hidden_by(source, fill)
    statement = statement_of(source, fill)
    scope = scope_of(source, fill)
    found.name = next((name for name in MASK_NAMES if is_free(scope, name)), "")
    if not found.name:
        raise DeclinedError("No name is left for the mask")
    start, end = source.span(statement)
    found.changes.append(Replacement(start=start, end=end, text=f"{found.name} = {hidden}"))
    parent = source.parents[statement]
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


def hidden_by(source: ModuleSource, call: ast.Call) -> tuple[str, ast.expr]:
    """The boolean mask of the scores that stay, from ``masked_fill(hidden, low)``, and the fill value.

    :raises DeclinedError: the fill value does not rule a score out.
    """
    if len(call.args) != 2 or call.keywords:
        raise DeclinedError("The mask is filled in in a way that is not carried over")
    hidden, low = call.args
    value = low if not isinstance(low, ast.Name) else _low_value(source, low).value
    text = ast.unparse(value)
    if not ("inf" in text or _is_very_low(value)):
        raise DeclinedError(f"The fill value {text} is not known to rule a score out")
    if isinstance(hidden, ast.UnaryOp) and isinstance(hidden.op, ast.Invert):
        return source.code(hidden.operand), low
    return f"~{in_parentheses(source, hidden)}", low


def _low_value(source: ModuleSource, name: ast.Name) -> ast.Assign:
    """The assignment of a fill value that is used for nothing else."""
    scope = scope_of(source, name)
    uses = [each for each in within(scope) if isinstance(each, ast.Name) and each.id == name.id]
    stores = [each for each in uses if isinstance(each.ctx, ast.Store)]
    statement = source.parents[stores[0]] if len(stores) == 1 and len(uses) == 2 else None
    if not isinstance(statement, ast.Assign):
        raise DeclinedError("The fill value is used for more than the mask")
    return statement


def _is_very_low(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        number = node.operand.value
        return isinstance(number, int | float) and -number <= LEAST_MASKED
    return False
