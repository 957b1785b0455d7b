"""What stands between the two products of attention: softmax and dropout, as functions and as modules."""

from __future__ import annotations

import ast

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import argument, in_parentheses
from sdprof.fixes.source.reading.names import dotted, last_name

FUNCTIONAL = frozenset({"torch", "th", "F", "functional", "nn"})


def softmax_of(source: ModuleSource, call: ast.expr) -> tuple[ast.expr, ast.expr | None] | None:
    """(scores, axis) of ``F.softmax(s, dim=-1)``, ``s.softmax(-1)`` and ``self.softmax(s)``; None of anything else."""
    if not isinstance(call, ast.Call):
        return None
    made = module_of(source, call.func)
    if made is not None:
        if last_name(made.func) != "Softmax" or len(call.args) != 1:
            return None
        return call.args[0], argument(made, 0, "dim")
    if last_name(call.func) != "softmax":
        return None
    if isinstance(call.func, ast.Attribute) and last_name(call.func.value) not in FUNCTIONAL:
        return call.func.value, argument(call, 0, "dim")
    scores = argument(call, 0, "input")
    return None if scores is None else (scores, argument(call, 1, "dim"))


def dropout_of(source: ModuleSource, call: ast.Call) -> str | None:
    """The text of ``dropout_p`` that stands for a dropout of the call's first argument, empty where it never drops.

    None where the call is no dropout.

    :raises DeclinedError: how much it drops cannot be told.
    """
    made = module_of(source, call.func)
    if made is not None:
        name = source.code(call.func)
        kind = last_name(made.func)
        return f"{name}.p if {name}.training else 0.0" if kind == "Dropout" else "" if kind == "Identity" else None
    owner = last_name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if last_name(call.func) != "dropout" or owner not in FUNCTIONAL:
        return None
    share, training = argument(call, 1, "p"), argument(call, 2, "training")
    if any(each.arg not in ("input", "p", "training") for each in call.keywords):
        raise DeclinedError("The dropout has arguments whose effect is not carried over")
    if isinstance(training, ast.Constant) and not training.value:
        return ""
    if isinstance(share, ast.Constant) and not share.value:
        return ""
    text = "0.5" if share is None else source.code(share)
    if training is None or isinstance(training, ast.Constant):
        return text
    return f"{text} if {in_parentheses(source, training)} else 0.0"


def module_of(source: ModuleSource, function: ast.expr) -> ast.Call | None:
    """``nn.Dropout(p)`` of ``self.drop``, where the class gives the attribute a value in one place."""
    name = dotted(function) or ""
    if not name.startswith("self.") or name.count(".") != 1:
        return None
    owner: ast.AST | None = function
    while owner is not None and not isinstance(owner, ast.ClassDef):
        owner = source.parents.get(owner)
    if owner is None:
        return None
    values = [
        each.value
        for each in ast.walk(owner)
        if isinstance(each, ast.Assign) and any(dotted(target) == name for target in each.targets)
    ]
    return values[0] if len(values) == 1 and isinstance(values[0], ast.Call) else None


def is_own_maximum(node: ast.expr, scores: ast.expr) -> bool:
    """``s.amax(dim=-1, keepdim=True)`` and ``s.max(-1, keepdim=True)[0]``: a shift that a softmax does not see."""
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "detach":
        node = node.func.value
    method = "amax"
    first = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == 0
    if first or (isinstance(node, ast.Attribute) and node.attr == "values"):
        node, method = node.value, "max"  # type: ignore[attr-defined]
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == method):
        return False
    dim, keep = argument(node, 0, "dim"), argument(node, 1, "keepdim")
    last = dim is not None and ast.unparse(dim) == "-1"
    return (
        last and isinstance(keep, ast.Constant) and bool(keep.value) and ast.dump(node.func.value) == ast.dump(scores)
    )
