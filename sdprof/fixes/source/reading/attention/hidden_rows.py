"""Rows of scores whose keys are all hidden by a finite value: their keys weigh all alike, as if none were hidden.

The fused operator with a boolean mask would give zeros there. So such a row sees every key, by a query of zeros.
"""

from __future__ import annotations

import ast
from collections.abc import Collection

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.attention.score_masks import MASK_NAMES, FilledMask
from sdprof.fixes.source.reading.names import Scope, is_free, scope_of, statement_of, within
from sdprof.fixes.source.reading.straight_line import stands_alone

ROW_NAMES = ("all_hidden", "rows_hidden", "sees_nothing")
WHY = "# where every key is hidden, all weigh alike"


def with_equal_rows(
    source: ModuleSource, filled: FilledMask, last: ast.stmt, query: str
) -> tuple[str, str, list[Replacement]]:
    """The text of queries and mask for the fused operator, and the statements in front of it that they need.

    :param last: the statement that calls the operator.
    :raises DeclinedError: there is no place or no name for them.
    """
    scope = scope_of(source, last)
    rows = _row_name(scope)
    if not stands_alone(source, last):
        raise DeclinedError("The product with the values shares its line with other code")
    place = source.line_start(last.lineno)
    indent = source.text[place : source.span(last)[0]]
    text, mask = "", filled.name
    if not mask.isidentifier():
        mask = next((name for name in MASK_NAMES if is_free(scope, name)), "")
        if not mask:
            raise DeclinedError("No name is left for the mask")
        text = f"{indent}{mask} = {filled.name}\n"
    text += f"{indent}{_found(rows, mask)}\n"
    return f"{query}.masked_fill({rows}, 0)", f"{mask} | {rows}", [Replacement(start=place, end=place, text=text)]


def in_branch(
    source: ModuleSource, filled: FilledMask, query: ast.expr, *, arranged: bool, gone: Collection[ast.stmt]
) -> list[Replacement]:
    """The same in the branch that filled the mask in: the name of the queries gets its zeros there.

    :param arranged: the queries have to be brought into another order for the operator.
    :raises DeclinedError: the queries have no name, or it is read for something else later on.
    """
    fill, hidden = filled.fill, filled.hidden
    assert fill is not None
    statement = statement_of(source, fill)
    scope = scope_of(source, fill)
    if arranged or not isinstance(query, ast.Name):
        raise DeclinedError(
            "Where a row hides every key, all weigh alike: the queries have no name to say so in a branch"
        )
    for each in within(scope):
        if isinstance(each, ast.Name) and each.id == query.id and each.lineno > statement.lineno:
            user = statement_of(source, each)
            if user not in gone and not isinstance(user, ast.Delete):
                raise DeclinedError(f"{query.id} is used after the attention as well")
    rows = _row_name(scope)
    start, end = source.span(statement)
    indent = source.text[source.line_start(statement.lineno) : start]
    primary = hidden if hidden.isidentifier() else f"({hidden})"
    text = (
        f"{_found(rows, primary)}\n"
        f"{indent}{filled.name}, {query.id} = {hidden} | {rows}, {query.id}.masked_fill({rows}, 0)"
    )
    return [Replacement(start=start, end=end, text=text)]


def _found(rows: str, mask: str) -> str:
    return f"{rows} = ~{mask}.any(dim=-1, keepdim=True)  {WHY}"


def _row_name(scope: Scope) -> str:
    name = next((name for name in ROW_NAMES if is_free(scope, name)), "")
    if not name:
        raise DeclinedError("No name is left for the rows that are hidden")
    return name
