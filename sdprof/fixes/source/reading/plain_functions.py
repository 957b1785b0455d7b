"""Functions that do nothing but compute with what they are given: calling one more often changes nothing."""

from __future__ import annotations

import ast
from pathlib import Path

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource, Sources
from sdprof.fixes.source.reading.loops import owner_class
from sdprof.fixes.source.reading.names import Function, Scope, bindings, last_name, scope_of
from sdprof.fixes.source.reading.on_device.host_trees import FACTORIES, PURE
from sdprof.fixes.source.reading.on_host.host_numbers import NUMBER_FUNCTIONS, NUMBER_MODULES
from sdprof.fixes.source.reading.tensor_calls import is_torch_call

OF_TORCH = PURE | {"minimum", "maximum", "where", "min", "max", "tensor", "as_tensor", "cat", "stack", "outer"}
OF_TORCH |= FACTORIES - {"empty"}
_METHODS = """
index_select gather take select narrow size numel dim expand_as view_as type_as min max amin amax maximum minimum prod
softmax log_softmax softplus
"""
METHODS = PURE | set(_METHODS.split())
STATEMENTS = (ast.Assign, ast.Return, ast.If, ast.Expr)
EXPRESSIONS = (
    *(ast.BinOp, ast.operator, ast.UnaryOp, ast.unaryop, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop, ast.IfExp),
    *(ast.Name, ast.Attribute, ast.Subscript, ast.Slice, ast.Constant, ast.Tuple, ast.List, ast.expr_context),
    *(ast.Call, ast.keyword),
)


def is_plain_call(sources: Sources, source: ModuleSource, call: ast.Call) -> bool:
    """Whether a call is of a function, of this module or one that it imports from, that only computes."""
    if not isinstance(call.func, ast.Name):
        return False
    found = _function(sources, source, call.func.id)
    return found is not None and _only_computes(*found)


def is_plain_lambda(source: ModuleSource, scope: Scope, name: str, depth: int = 4) -> bool:
    """Whether a name of a function stands for one lambda that only computes: ``log_of = lambda s: s.log()``.

    :param depth: lambdas that may call one another.
    """
    bound = bindings(scope, name)
    value = bound[0].value if len(bound) == 1 and bound[0].kind == "assignment" else None
    if not isinstance(value, ast.Lambda) or value.args.vararg or value.args.kwarg or not depth:
        return False
    return all(
        (is_pure(source, each) or is_plain_lambda(source, scope, last_name(each.func), depth - 1))
        if isinstance(each, ast.Call)
        else isinstance(each, EXPRESSIONS)
        for each in ast.walk(value.body)
    )


def is_plain_method(source: ModuleSource, call: ast.Call) -> bool:
    """Whether ``self.level(t)`` is of a method that only computes, the one of this name in the file."""
    if not isinstance(call.func, ast.Attribute) or not isinstance(call.func.value, ast.Name):
        return False
    scope = scope_of(source, call)
    known = [each for each in ast.walk(source.tree) if isinstance(each, Function) and each.name == call.func.attr]
    if owner_class(source, scope) is None or len(known) != 1 or isinstance(known[0], ast.AsyncFunctionDef):
        return False
    own = [each.arg for each in (scope.args.args if isinstance(scope, Function) else [])][:1]
    beside = source.parents[known[0]] is owner_class(source, scope)
    return beside and own == [call.func.value.id] and _only_computes(source, known[0])


def _function(sources: Sources, source: ModuleSource, name: str) -> tuple[ModuleSource, ast.FunctionDef] | None:
    bound = bindings(source.tree, name)
    if len(bound) != 1:
        return None
    node = bound[0].node
    if isinstance(node, ast.FunctionDef):
        return source, node
    if not isinstance(node, ast.ImportFrom):
        return None
    original = next(each.name for each in node.names if (each.asname or each.name) == name)
    for file in _files_of(source.path, node):
        try:
            other = sources.of(str(file))
        except DeclinedError:
            continue
        functions = [each for each in other.tree.body if isinstance(each, ast.FunctionDef) and each.name == original]
        return (other, functions[0]) if len(functions) == 1 and len(bindings(other.tree, original)) == 1 else None
    return None


def _files_of(path: str, node: ast.ImportFrom) -> list[Path]:
    """Where the module may lie that an import in a file names."""
    parts = (node.module or "").split(".")
    folders = list(Path(path).parents)
    folders = folders[node.level - 1 : node.level] if node.level else folders
    places = [folder.joinpath(*parts) for folder in folders]
    return [file for place in places for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]


def _only_computes(source: ModuleSource, function: ast.FunctionDef) -> bool:
    if function.decorator_list or function.args.vararg or function.args.kwarg:
        return False
    for each in (part for statement in function.body for part in ast.walk(statement)):
        if isinstance(each, ast.Assign):
            if not all(isinstance(target, ast.Name | ast.Tuple) for target in each.targets):
                return False
        elif isinstance(each, ast.Call):
            if not is_pure(source, each):
                return False
        elif not isinstance(each, (*STATEMENTS, *EXPRESSIONS)):
            return False
        if isinstance(each, ast.Attribute | ast.Subscript) and not isinstance(each.ctx, ast.Load):
            return False
    return True


def is_pure(source: ModuleSource, call: ast.Call) -> bool:
    """Whether a call is of an operator or method of tensors, or of a function of numbers, that only computes."""
    name = last_name(call.func)
    if any(each.arg in (None, "out") for each in call.keywords):
        return False
    if is_torch_call(source, call):
        return name in OF_TORCH
    if isinstance(call.func, ast.Attribute):
        return name in METHODS or last_name(call.func.value) in NUMBER_MODULES
    return name in NUMBER_FUNCTIONS
