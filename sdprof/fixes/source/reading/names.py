"""Scopes, dotted names and bindings."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sdprof.fixes.source.module_source import ModuleSource

Function = ast.FunctionDef | ast.AsyncFunctionDef
Scope = Function | ast.Lambda | ast.Module
OWN_SCOPE = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclass(frozen=True)
class Binding:
    """One place where a name of a scope gets a value."""

    kind: Literal["parameter", "assignment", "unpacking", "loop", "other"]
    node: ast.AST
    value: ast.expr | None = None
    """What is assigned: the whole right side, also of an unpacking; the iterable of a loop."""


def dotted(node: ast.AST) -> str | None:
    """``self.model.betas`` of an attribute chain that starts at a name; None of anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def last_name(node: ast.AST) -> str:
    """``full`` of ``torch.full``, of ``th.full`` and of ``full``."""
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def scope_of(source: ModuleSource, node: ast.AST) -> Scope:
    """The function whose frame runs a node; comprehensions count as part of the function around them."""
    while True:
        parent = source.parents.get(node)
        if parent is None:
            return source.tree
        if isinstance(parent, ast.Lambda) and node is parent.body:
            return parent
        if isinstance(parent, ast.FunctionDef | ast.AsyncFunctionDef) and node in parent.body:
            return parent
        node = parent


def statement_of(source: ModuleSource, node: ast.AST) -> ast.stmt:
    """The innermost statement that a node is part of."""
    while not isinstance(node, ast.stmt):
        node = source.parents[node]
    return node


def around(source: ModuleSource, node: ast.AST, outermost: ast.AST) -> Iterator[ast.AST]:
    """The nodes around one, from the innermost out, up to its scope or another node around it."""
    while node is not outermost and node in source.parents:
        node = source.parents[node]
        yield node


def within(scope: ast.AST) -> Iterator[ast.AST]:
    """All nodes that run in the frame of a scope, in the order of the text; not those of functions in it."""
    waiting: list[ast.AST] = list(_parts(scope))[::-1]
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, OWN_SCOPE):
            waiting.extend(list(ast.iter_child_nodes(node))[::-1])


def _parts(scope: ast.AST) -> Iterator[ast.AST]:
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
        yield from scope.body
    else:
        yield from ast.iter_child_nodes(scope)


def bindings(scope: Scope, name: str) -> list[Binding]:
    """Every place in a scope that gives ``name`` a value, parameters first."""
    found: list[Binding] = []
    if not isinstance(scope, ast.Module):
        given = scope.args
        parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        found += [Binding("parameter", each) for each in parameters if each.arg == name]
        found += [Binding("other", each) for each in (given.vararg, given.kwarg) if each and each.arg == name]
    for node in within(scope):
        found += [binding for binding in _bound_by(node, name) if binding]
    return found


def _bound_by(node: ast.AST, name: str) -> Iterator[Binding]:
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name) and target.id == name:
                yield Binding("assignment", node, node.value)
            elif name in stored_names(target):
                yield Binding("unpacking", node, node.value)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr):
        if isinstance(node.target, ast.Name) and node.target.id == name and node.value is not None:
            yield Binding("assignment", node, node.value)
    elif isinstance(node, ast.For | ast.AsyncFor):
        if name in stored_names(node.target):
            yield Binding("loop", node, node.iter)
    elif isinstance(node, ast.AugAssign):
        if isinstance(node.target, ast.Name) and node.target.id == name:
            yield Binding("other", node)
    elif isinstance(node, ast.With | ast.AsyncWith):
        if any(item.optional_vars is not None and name in stored_names(item.optional_vars) for item in node.items):
            yield Binding("other", node)
    elif (
        (isinstance(node, ast.Global | ast.Nonlocal) and name in node.names)
        or (isinstance(node, ast.Import | ast.ImportFrom) and any((a.asname or a.name) == name for a in node.names))
        or (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name)
        or (isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name == name)
        or (isinstance(node, ast.Delete) and any(name in stored_names(target) for target in node.targets))
    ):
        yield Binding("other", node)


def unpacked(statement: ast.AST, value: ast.expr, name: str) -> ast.expr | None:
    """What ``name`` gets of ``a, b = x, y``; the value itself of a plain assignment."""
    if not isinstance(statement, ast.Assign):
        return value
    for target in statement.targets:
        if isinstance(target, ast.Name) and target.id == name:
            return value
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
            for part, given in zip(target.elts, value.elts, strict=True):
                if isinstance(part, ast.Name) and part.id == name:
                    return given
    return None


def is_parameter(source: ModuleSource, node: ast.AST) -> bool:
    """Whether a name stands for what its function is given: another caller may give something else."""
    bound = bindings(scope_of(source, node), node.id) if isinstance(node, ast.Name) else []
    return any(each.kind == "parameter" for each in bound)


def stored_names(target: ast.AST) -> set[str]:
    """Plain names that a target binds; none for ``x[0]`` and ``x.y``."""
    if isinstance(target, ast.Name):
        return {target.id}
    if isinstance(target, ast.Tuple | ast.List):
        return {name for element in target.elts for name in stored_names(element)}
    if isinstance(target, ast.Starred):
        return stored_names(target.value)
    return set()


def written_in(node: ast.AST) -> set[str]:
    """Dotted names that something under ``node`` binds or writes into: ``x =``, ``x[0] =``, ``x.add_(…)``."""
    written: set[str] = set()
    for each in ast.walk(node):
        if isinstance(each, ast.Name | ast.Attribute) and isinstance(each.ctx, ast.Store | ast.Del):
            written.add(dotted(each) or "")
        elif isinstance(each, ast.Subscript) and isinstance(each.ctx, ast.Store | ast.Del):
            written.add(dotted(each.value) or "")
        elif isinstance(each, ast.Call) and isinstance(each.func, ast.Attribute) and _writes(each.func.attr):
            written.add(dotted(each.func.value) or "")
        elif isinstance(each, ast.keyword) and each.arg == "out":
            written.add(dotted(each.value) or "")
    return written - {""}


def _writes(method: str) -> bool:
    return is_in_place(method) or method in ("append", "pop", "insert", "extend")


def is_in_place(function: str) -> bool:
    """Whether a function writes to what it is called on, by its name: ``add_``."""
    return function.endswith("_") and not function.endswith("__")


def read_in(node: ast.AST) -> set[str]:
    """Plain names that something under ``node`` reads."""
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)}


def dotted_reads(node: ast.AST) -> set[str]:
    """The longest dotted names that something under ``node`` reads, and all their beginnings."""
    found: set[str] = set()
    for each in ast.walk(node):
        name = dotted(each)
        if name is not None:
            found.add(name)
    return found


def is_free(scope: Scope, wished: str) -> bool:
    """Whether nothing in a scope is called ``wished`` yet."""
    return all(
        not (isinstance(each, ast.Name) and each.id == wished)
        and not (isinstance(each, ast.arg) and each.arg == wished)
        for each in ast.walk(scope)
    )
