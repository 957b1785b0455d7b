"""Where an object keeps a table: ``self.name = table``, ``self.register_buffer("name", table)`` and the like."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import dotted, scope_of, statement_of


@dataclass(frozen=True)
class KeptTable:
    """The one place in a file that gives an attribute its table."""

    value: ast.expr
    statement: ast.stmt
    assigned: bool
    """By ``self.name = value``; else handed to a method, which may move it."""


def reads_of(source: ModuleSource, name: str) -> list[ast.expr]:
    """Where ``self.<name>`` is read: itself, or under a local name that stands for it, in nested functions, too.

    ``table = self.other if original else self.name`` gives it a local name.
    """
    found: list[ast.expr] = []
    for each in ast.walk(source.tree):
        if dotted(each) != f"self.{name}" or not isinstance(each, ast.Attribute) or isinstance(each.ctx, ast.Store):
            continue
        chosen: ast.AST = each
        while isinstance(source.parents[chosen], ast.IfExp):
            chosen = source.parents[chosen]
        statement = source.parents[chosen]
        target = statement.targets[0] if isinstance(statement, ast.Assign) and len(statement.targets) == 1 else None
        if isinstance(target, ast.Name):
            found += [
                use
                for use in ast.walk(scope_of(source, each))
                if isinstance(use, ast.Name) and use.id == target.id and isinstance(use.ctx, ast.Load)
            ]
        else:
            found.append(each)
    return found


def kept_table(source: ModuleSource, name: str) -> KeptTable:
    """The place where ``self.<name>`` gets its value.

    :raises DeclinedError: there is none in this file, or more than one.
    """
    found: list[KeptTable] = []
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and len(node.args) >= 2:
            first = node.args[0]
            owner = node.func.value if isinstance(node.func, ast.Attribute) else None
            if (
                owner is not None
                and dotted(owner) == "self"
                and isinstance(first, ast.Constant)
                and first.value == name
            ):
                found.append(KeptTable(node.args[1], statement_of(source, node), assigned=False))
        elif isinstance(node, ast.Assign) and any(dotted(target) == f"self.{name}" for target in node.targets):
            found.append(KeptTable(node.value, node, assigned=True))
    if len(found) != 1:
        raise DeclinedError(f"self.{name} is kept in {len(found)} places of this file, not in one")
    return found[0]
