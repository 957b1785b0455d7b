"""Where an object keeps a table: ``self.name = table``, ``self.register_buffer("name", table)`` and the like."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import dotted, statement_of


@dataclass(frozen=True)
class KeptTable:
    """The one place in a file that gives an attribute its table."""

    value: ast.expr
    statement: ast.stmt
    assigned: bool
    """By ``self.name = value``; else handed to a method, which may move it."""


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
