"""A call and its arguments, and which of them becomes a parameter."""

from __future__ import annotations

import ast

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.names import Function, last_name, statement_of

STATIC = frozenset({"staticmethod"})
LONGEST_ROW = 100
"""Columns that the items of a list may reach on one line."""


def argument(call: ast.Call, position: int | None, keyword: str) -> ast.expr | None:
    """An argument by position or keyword; None where it is not given, or hidden in ``*args`` or ``**kwargs``."""
    for each in call.keywords:
        if each.arg == keyword:
            return each.value
    if (
        position is None
        or position >= len(call.args)
        or any(isinstance(a, ast.Starred) for a in call.args[: position + 1])
    ):
        return None
    return call.args[position]


def is_plain(call: ast.Call) -> bool:
    """Whether a call has neither ``*args`` nor ``**kwargs``."""
    return not any(isinstance(each, ast.Starred) for each in call.args) and all(each.arg for each in call.keywords)


def given_as(call: ast.Call, function: Function, parameter: str) -> ast.expr | None:
    """The argument that ``function`` receives as ``parameter``; None where the default stands, or it is unclear."""
    order = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
    bound = isinstance(call.func, ast.Attribute) and order[:1] in (["self"], ["cls"])
    constructor = function.name == "__init__" and order[:1] == ["self"]
    if bound or constructor or (order[:1] == ["self"] and function.name in ("forward", "__call__")):
        order = order[1:]
    position = order.index(parameter) if parameter in order else None
    return argument(call, position, parameter)


def with_argument(source: ModuleSource, call: ast.Call, text: str) -> Replacement:
    """An argument added behind the last one of a call."""
    arguments = [*call.args, *(each.value for each in call.keywords)]
    if not arguments:
        end = source.span(call)[1] - 1
        return Replacement(start=end, end=end, text=text)
    end = max(source.span(each)[1] for each in arguments)
    while (
        source.text[end] == ")"
        and source.text[:end].count("(") == source.text[: end + 1].count("(")
        and (end + 1 < source.span(call)[1])
    ):
        end += 1  # the last argument stands in parentheses of its own
    last = max(arguments, key=lambda each: source.span(each)[1])
    return Replacement(start=end, end=end, text=f"{behind(source, last, call)}{text}")


def behind(source: ModuleSource, last: ast.expr | ast.arg, whole: ast.AST) -> str:
    """What stands between the last argument and one more: where it has a line of its own, so has the other."""
    start = source.line_start(last.lineno)
    indent = source.text[start : source.span(last)[0]]
    keyword = next((each for each in getattr(whole, "keywords", ()) if each.value is last), None)
    if keyword is not None and keyword.arg is not None and keyword.lineno == last.lineno:
        indent = indent.removesuffix(f"{keyword.arg}=")
    own_line = last.lineno > getattr(whole, "lineno", last.lineno) and not indent.strip()
    return f",\n{indent}" if own_line else ", "


def calls_to(source: ModuleSource, name: str) -> list[ast.Call]:
    """Calls in a file whose function has this last name."""
    return [node for node in ast.walk(source.tree) if isinstance(node, ast.Call) and last_name(node.func) == name]


def without_method(source: ModuleSource, call: ast.Call, instead: str = "") -> Replacement:
    """``x`` of ``x.cpu()``: the call of a method goes, the parentheses around its receiver stay."""
    assert isinstance(call.func, ast.Attribute)
    start, end = source.span(call.func.value)[1], source.span(call)[1]
    return Replacement(start=start, end=end, text=source.text[start:end].partition(".")[0].strip() + instead)


def in_parentheses(source: ModuleSource, node: ast.expr) -> str:
    """The text of an expression such that ``.attribute`` may follow it."""
    code = source.code(node)
    primary = (ast.Name, ast.Attribute, ast.Subscript, ast.Call)
    return code if isinstance(node, primary) else f"({code})"


def separators(source: ModuleSource, node: ast.expr, length: int) -> tuple[str, str, str]:
    """What stands before, between and behind the items of a list at ``node``: on one line, or each on its own.

    :param length: of the items together.
    """
    statement = statement_of(source, node)
    if node.col_offset + length <= LONGEST_ROW:
        return "", " ", ""
    indent = source.text[source.line_start(statement.lineno) : source.span(statement)[0]]
    return f"\n{indent}    ", f"\n{indent}    ", f",\n{indent}"


def shape_text(source: ModuleSource, node: ast.expr) -> str:
    """A shape as the arguments of ``expand``: ``(b, 1)`` stays, ``[b, 1]`` and ``x.shape`` too."""
    return source.code(node)
