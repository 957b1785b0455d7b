"""A mask that a step computes, and selects by several times: which elements those are is asked once."""

from __future__ import annotations

import ast

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.before_loop.mask_indices import Mask, is_of_truth
from sdprof.fixes.source.reading.before_loop.way_to_make_once import MadeOnce
from sdprof.fixes.source.reading.names import is_free, scope_of, statement_of, within
from sdprof.fixes.source.reading.on_host.host_copy import in_place
from sdprof.fixes.source.reading.on_host.made_from_host import reaching
from sdprof.fixes.source.reading.straight_line import block_of, stands_alone

SAID = "What the mask selects is found once in each step, and not again for each selection."


def found_in_step(source: ModuleSource, node: ast.Subscript, mask: Mask) -> MadeOnce | None:
    """``x = x[mask]``, ``y = y[:, mask]`` by ``mask_indices``, found right behind ``mask = value > threshold``.

    Not where the first of them stands under a condition: the host might not have waited at all.
    """
    name = mask.node
    found = reaching(source, name) if isinstance(name, ast.Name) else None
    if found is None or not isinstance(name, ast.Name) or found[0].kind != "assignment" or found[0].value is None:
        return None
    made, scope = found[0].node, scope_of(source, node)
    if not isinstance(made, ast.Assign) or not is_of_truth(found[0].value) or not stands_alone(source, made):
        return None
    uses = [each for each in _selections(source, scope, name.id) if _comes_from(source, each, made)]
    indices = f"{name.id}_indices"
    if len(uses) < 2 or statement_of(source, uses[0]) not in block_of(source, made) or not is_free(scope, indices):
        return None
    end = source.line_start((made.end_lineno or made.lineno) + 1)
    indent = " " * made.col_offset
    put = Replacement(start=end, end=end, text=f"{indent}{indices} = {name.id}.nonzero(as_tuple=True)\n")
    return MadeOnce(source.path, [put, *(_by_indices(source, each, indices) for each in uses)], SAID)


def _selections(source: ModuleSource, scope: ast.AST, name: str) -> list[ast.Name]:
    """Where a name selects elements, so that the host has to know how many."""
    found: list[ast.Name] = []
    for each in within(scope):
        if not isinstance(each, ast.Name) or each.id != name or not isinstance(each.ctx, ast.Load):
            continue
        index: ast.AST = each
        if isinstance(around := source.parents[index], ast.Tuple):
            if not all(isinstance(one, ast.Slice | ast.Constant) or one is each for one in around.elts):
                continue
            index = around
        selected = source.parents[index]
        if isinstance(selected, ast.Subscript) and selected.slice is index and not _is_filled(source, selected):
            found.append(each)
    return found


def _is_filled(source: ModuleSource, selected: ast.Subscript) -> bool:
    """``x[mask] = 0`` asks for no number of elements; with indices, it would copy the number."""
    statement = source.parents[selected]
    if isinstance(selected.ctx, ast.Load):
        return False
    value = statement.value if isinstance(statement, ast.Assign) else None
    return not isinstance(value, ast.Call | ast.BinOp | ast.Subscript | ast.Name) or not isinstance(
        statement, ast.Assign
    )


def _comes_from(source: ModuleSource, use: ast.Name, made: ast.Assign) -> bool:
    found = reaching(source, use)
    return found is not None and found[0].node is made


def _by_indices(source: ModuleSource, use: ast.Name, indices: str) -> Replacement:
    parent = source.parents[use]
    if not isinstance(parent, ast.Tuple):
        return in_place(source, use, indices)
    return in_place(source, parent, as_items(source, parent, use, indices))


def as_items(source: ModuleSource, index: ast.Tuple, mask: ast.expr, indices: str) -> str:
    """``(slice(None), *indices)`` of ``:, mask``: of several indices between brackets, as a tuple is written."""
    parts = [f"*{indices}" if each is mask else _as_item(source, each) for each in index.elts]
    return f"({', '.join(parts)})"


def _as_item(source: ModuleSource, part: ast.expr) -> str:
    """``slice(1, None)`` of ``1:``: between parentheses no colon may stand."""
    if not isinstance(part, ast.Slice):
        return source.code(part)
    lower, upper = ("None" if each is None else source.code(each) for each in (part.lower, part.upper))
    step = f", {source.code(part.step)}" if part.step is not None else ""
    return f"slice({upper}{step})" if part.lower is None and not step else f"slice({lower}, {upper}{step})"
