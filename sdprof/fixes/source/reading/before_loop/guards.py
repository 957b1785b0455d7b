"""What decides whether an expression of a loop is evaluated at all: in front of the loop it has to decide it as well.

The run that was watched took one way. Another caller may hand over None, and never come to the expression.
"""

from __future__ import annotations

import ast

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.loops import (
    LoopStatement,
    changes_around,
    settled_before,
)
from sdprof.fixes.source.reading.names import Scope, around, bindings, dotted, within
from sdprof.fixes.source.reading.tests_between import tests_between

TYPE_TESTS = frozenset({"isinstance", "hasattr", "callable", "is_tensor", "getattr", "type"})


def unless_none(source: ModuleSource, node: ast.expr, loop: LoopStatement, scope: Scope) -> str | None:
    """The text of an expression for use in front of the loop; None where that could fail when the loop does not.

    ``mask.to(device)`` under ``if mask is not None`` becomes ``mask.to(device) if mask is not None else None``.
    """
    code = " ".join(source.code(node).split())
    tests = list(tests_between(source, node, loop))
    if not tests:
        return code
    owners = _owners(node)
    if any(_may_mean_nothing(source, scope, name, loop, tests) for name in owners):
        return None
    optional = [name for name in owners if may_be_none(scope, name)]
    return f"{code} if {' and '.join(f'{name} is not None' for name in optional)} else None" if optional else code


def known_before(source: ModuleSource, expression: ast.expr, loop: LoopStatement, scope: Scope) -> bool:
    """Whether an expression has its value in front of the loop, the same in each pass of the loops around that one."""
    return settled_before(source, expression, loop, scope) and not changes_around(source, expression, loop, scope)


def table_unless_none(
    source: ModuleSource, table: ast.expr, loop: LoopStatement, scope: Scope, copied: str = ".cpu()"
) -> str | None:
    """``table.cpu()`` for use in front of the loop, the same text for every reader of the table in this scope.

    None where it could fail when the loop does not.

    :param copied: how it is copied.
    """
    code, name = source.code(table), dotted(table)
    tests = list(tests_between(source, table, loop))
    if name is not None and tests and _may_mean_nothing(source, scope, name, loop, tests):
        return None
    copy = f"{code}{copied}"
    return f"{copy} if {code} is not None else None" if name and may_be_none(scope, name) else copy


def may_be_none(scope: Scope, name: str) -> bool:
    """Whether the text of a function allows for None: a default, an annotation, or a comparison with it."""
    if not isinstance(scope, ast.Module):
        given = scope.args
        positional = [*given.posonlyargs, *given.args]
        defaults = [None] * (len(positional) - len(given.defaults)) + list(given.defaults)
        for each, default in [
            *zip(positional, defaults, strict=True),
            *zip(given.kwonlyargs, given.kw_defaults, strict=True),
        ]:
            if each.arg == name:
                annotated = ast.unparse(each.annotation) if each.annotation else ""
                if _is_none(default) or "Optional" in annotated or "None" in annotated:
                    return True
    return any(
        isinstance(each, ast.Compare)
        and isinstance(each.ops[0], ast.Is | ast.IsNot)
        and _is_none(each.comparators[0])
        and dotted(each.left) == name
        for each in within(scope)
    )


def _is_none(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _owners(node: ast.expr) -> list[str]:
    """Names that the expression uses the value of: of which it takes an attribute, an entry, or a sum."""
    found: dict[str, None] = {}
    for each in ast.walk(node):
        used: list[ast.expr] = []
        if isinstance(each, ast.Attribute | ast.Subscript):
            used = [each.value]
        elif isinstance(each, ast.BinOp):
            used = [each.left, each.right]
        elif isinstance(each, ast.UnaryOp):
            used = [each.operand]
        for name in filter(None, map(dotted, used)):
            found[name] = None
    return list(found)


def _may_mean_nothing(source: ModuleSource, scope: Scope, name: str, loop: LoopStatement, tests: list[ast.AST]) -> bool:
    """Whether a name that is used behind these tests may be unbound, or of another type, without them."""
    return not _is_always_bound(source, scope, name.split(".")[0], loop) or _type_is_asked(tests, name)


def _is_always_bound(source: ModuleSource, scope: Scope, name: str, loop: LoopStatement) -> bool:
    """Whether a name has a value wherever the loop begins; names of the module and of libraries have one."""
    bound = bindings(scope, name)
    above = [loop, *around(source, loop, scope)]
    beside = [each for outer in above for each in ast.iter_child_nodes(outer)] + above
    return not bound or any(each.kind == "parameter" or each.node in beside for each in bound)


def _type_is_asked(tests: list[ast.AST], name: str) -> bool:
    """``isinstance(mask, Tensor)``: where the answer is no, the expression may mean nothing."""
    return any(
        isinstance(each, ast.Call)
        and (dotted(each.func) or "").split(".")[-1] in TYPE_TESTS
        and any(dotted(argument) == name for argument in each.args)
        for test in tests
        for each in ast.walk(test)
    )
