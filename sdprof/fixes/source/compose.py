"""Put several edits of one file together."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence

import msgspec

from sdprof.fixes.source.edit import Edit, Replacement
from sdprof.fixes.source.inserted_helpers import HELPERS
from sdprof.fixes.source.module_source import ModuleSource


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """An edit that was left out."""

    edit: Edit
    reason: str


class Composed(msgspec.Struct, frozen=True, kw_only=True):
    """A file with all edits that go together."""

    text: str
    applied: tuple[Edit, ...]
    conflicts: tuple[Conflict, ...]


def compose(source: ModuleSource, edits: Iterable[Edit]) -> Composed:
    """Apply edits in the order given; the earlier one wins where two change the same text in different ways.

    Two edits that make the very same replacement share it. An insertion at a place where another one inserts goes
    behind it. Helper functions and imports are added once.
    """
    applied: list[Edit] = []
    conflicts: list[Conflict] = []
    taken: list[Replacement] = []
    for edit in edits:
        new = [replacement for replacement in edit.replacements if replacement not in taken]
        reason = _clash(new, taken) or _broken(source, [*taken, *new])
        if reason:
            conflicts.append(Conflict(edit=edit, reason=reason))
        else:
            taken += new
            applied.append(edit)
    text = _replaced(source.text, taken)
    text = _with_imports(text, _unique(name for edit in applied for name in edit.imports))
    text = _with_helpers(text, _unique(name for edit in applied for name in edit.helpers))
    return Composed(text=text, applied=tuple(applied), conflicts=tuple(conflicts))


def _clash(new: Sequence[Replacement], taken: Sequence[Replacement]) -> str:
    for one in new:
        for other in taken:
            inside = other.start < one.start < other.end or one.start < other.start < one.end
            same = one.start == other.start and one.start != one.end and other.start != other.end
            if inside or same:
                return "Another edit changes the same expression"
    return ""


def _broken(source: ModuleSource, replacements: Sequence[Replacement]) -> str:
    try:
        compile(_replaced(source.text, replacements), source.path, "exec", dont_inherit=True, flags=ast.PyCF_ONLY_AST)
    except (SyntaxError, ValueError) as error:
        return f"The text would not be Python any more: {error}"
    return ""


def _replaced(text: str, replacements: Sequence[Replacement]) -> str:
    # Stable: insertions at one place keep their order, and stand before a replacement that begins there.
    for replacement in sorted(replacements, key=lambda each: (each.start, each.end))[::-1]:
        text = text[: replacement.start] + replacement.text + text[replacement.end :]
    return text


def _with_imports(text: str, imports: Sequence[str]) -> str:
    """Add what is not imported yet, behind the last import at the top of the module."""
    tree = ast.parse(text)
    present = {ast.unparse(node) for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
    missing = [name for name in imports if name not in present]
    if not missing:
        return text
    line = _line_behind_imports(tree)
    lines = text.splitlines(keepends=True)
    return "".join([*lines[:line], *(f"{name}\n" for name in missing), *lines[line:]])


def _line_behind_imports(tree: ast.Module) -> int:
    """Number of lines up to the end of the first block of imports, or of the module's docstring."""
    line = 0
    for position, node in enumerate(tree.body):
        docstring = position == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (docstring or isinstance(node, ast.Import | ast.ImportFrom)):
            break
        line = node.end_lineno or line
    return line


def _with_helpers(text: str, helpers: Sequence[str]) -> str:
    if not helpers:
        return text
    if not text.endswith("\n"):
        text += "\n"
    return text + "".join(f"\n\n{HELPERS[name].strip()}\n" for name in helpers)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
