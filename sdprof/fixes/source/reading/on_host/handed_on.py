"""Whether a function hands a value on to code that only the run names: another caller's may not take it."""

from __future__ import annotations

import ast

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.calls import given_as
from sdprof.fixes.source.reading.names import Function, Scope, bindings

DEPTH = 4
"""Functions of the file that a value is followed through."""


def handed_to_unknown(source: ModuleSource, scope: Scope, name: str, depth: int = DEPTH) -> bool:
    """``self.level_of(t)``, where no method of the file has that name; ``model(t)``, where a caller gives ``model``.

    A network on the device takes no number that lies on the host, where a formula does.
    """
    for call in ast.walk(scope):
        if not isinstance(call, ast.Call):
            continue
        given = [*call.args, *(each.value for each in call.keywords)]
        if not any(_is_the_value(each, name) for each in given):
            continue
        function = _function(source, scope, call)
        if function is None:
            if _is_given(scope, call.func):
                return True
            continue
        parameters = (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        for each in parameters:
            value = given_as(call, function, each.arg)
            taken = value is not None and _is_the_value(value, name)
            if taken and (not depth or handed_to_unknown(source, function, each.arg, depth - 1)):
                return True
    return False


def _is_the_value(node: ast.expr, name: str) -> bool:
    """The name, or arithmetic of it and numbers: of other tensors, it may lie where they do."""
    if isinstance(node, ast.UnaryOp):
        return _is_the_value(node.operand, name)
    if isinstance(node, ast.BinOp):
        sides = (node.left, node.right)
        return any(_is_the_value(one, name) and isinstance(other, ast.Constant) for one, other in (sides, sides[::-1]))
    return isinstance(node, ast.Name) and node.id == name


def _function(source: ModuleSource, scope: Scope, call: ast.Call) -> Function | None:
    """The function of the file that a call runs: the one method of that name, or the function of the module."""
    named = call.func
    if isinstance(named, ast.Attribute) and _is_own(scope, named):
        found = [each for each in ast.walk(source.tree) if isinstance(each, Function) and each.name == named.attr]
        return found[0] if len(found) == 1 else None
    if not isinstance(named, ast.Name) or any(each.kind != "other" for each in bindings(scope, named.id)):
        return None
    found = [each for each in ast.walk(source.tree) if isinstance(each, Function) and each.name == named.id]
    return found[0] if len(found) == 1 else None


def _is_own(scope: Scope, named: ast.Attribute) -> bool:
    own = [each.arg for each in (scope.args.args if isinstance(scope, Function) else [])][:1]
    return isinstance(named.value, ast.Name) and [named.value.id] == own and own[0] in ("self", "cls")


def _is_given(scope: Scope, named: ast.expr) -> bool:
    """An attribute of the object itself, or a name that stands for what the caller gives."""
    if isinstance(named, ast.Attribute):
        return _is_own(scope, named)
    return isinstance(named, ast.Name) and any(each.kind == "parameter" for each in bindings(scope, named.id))
