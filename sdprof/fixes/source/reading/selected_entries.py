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
