"""Entries that a mask selects, and that another tensor numbers."""

from __future__ import annotations

import ast


def selected_entry(index: ast.expr) -> tuple[ast.expr, ast.expr] | None:
    """``mask`` and ``y`` of the index ``mask, y[mask]``."""
    if not isinstance(index, ast.Tuple) or len(index.elts) != 2:
        return None
    mask, entry = index.elts
    same = isinstance(entry, ast.Subscript) and ast.dump(entry.slice) == ast.dump(mask)
    return (mask, entry.value) if same and isinstance(entry, ast.Subscript) else None


def mask_behind(index: ast.expr) -> tuple[int, ast.expr] | None:
    """How many whole dimensions stand before the mask of the index ``:, mask``, and the mask."""
    if not isinstance(index, ast.Tuple) or len(index.elts) < 2:
        return None
    *before, mask = index.elts
    whole = all(ast.unparse(each) == ":" for each in before)
    return (len(before), mask) if whole and not isinstance(mask, ast.Slice | ast.Constant | ast.Tuple) else None
