"""Put several edits of one file together."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from sdprof.fixes.source.edit import Edit, Replacement, same_file
from sdprof.fixes.source.inserted_helpers import HELPERS
from sdprof.fixes.source.module_source import ModuleSource, lines_of

_LINE_END = re.compile(r"\r\n|\r|\n")


class Conflict(msgspec.Struct, frozen=True, kw_only=True):
    """An edit that was left out."""

    edit: Edit
    reason: str


class Composed(msgspec.Struct, frozen=True, kw_only=True):
    """A file with all edits that go together."""

    text: str
    applied: tuple[Edit, ...]
    conflicts: tuple[Conflict, ...]
    replacements: tuple[Replacement, ...]
    """All that was replaced, in the order of the text; imports and helper functions are among it."""

    def origin(self, line: int, column: int) -> int:
        """Offset in the original text that a place in the new one comes from.

        For a place inside a replacement that is where the replaced text began.

        :param column: in UTF-8 bytes from 0.
        """
        start = sum(map(len, lines_of(self.text)[: line - 1]))
        offset = start + len(self.text[start : start + column + 1].encode()[:column].decode(errors="ignore"))
        shift = 0
        for each in self.replacements:
            begins = each.start + shift
            if offset < begins:
                break
            if offset < begins + len(each.text):
                return each.start
            shift += len(each.text) - (each.end - each.start)
        return offset - shift


def compose_files(source_of: Callable[[str], ModuleSource], edits: Iterable[Edit]) -> dict[str, Composed]:
    """Apply edits to all the files that they change, by path; one that clashes in a file is left out of all.

    Under each of its names, where a file has several, those of all.
    """
    left, torn = list(edits), list[Conflict]()
    while True:
        files = dict.fromkeys(file for edit in left for file in edit.files)
        made = {file: compose(source_of(file), [edit for edit in left if _changes(edit, file)]) for file in files}
        found = [each for composed in made.values() for each in composed.conflicts if each.edit.elsewhere]
        if not found:
            break
        torn += found
        left = [edit for edit in left if all(edit != each.edit for each in found)]
    for each in torn:
        composed = made.get(each.edit.file) or compose(source_of(each.edit.file), [])
        made[each.edit.file] = msgspec.structs.replace(composed, conflicts=(*composed.conflicts, each))
    return made


def _changes(edit: Edit, file: str) -> bool:
    return any(same_file(each, file) for each in edit.files)


def compose(source: ModuleSource, edits: Iterable[Edit]) -> Composed:
    """Apply edits in the order given; the earlier one wins where two change the same text in different ways.

    Two edits that make the very same replacement share it. An insertion at a place where another one inserts goes
    behind it. Imports are added once; so are helper functions, in front of the first function that uses them.
    """
    applied: list[Edit] = []
    conflicts: list[Conflict] = []
    taken: list[Replacement] = []
    functions = _functions(source)
    given: dict[tuple[int, str], set[str]] = {}
    for edit in edits:
        new = [replacement for replacement in dict.fromkeys(edit.changes_in(source.path)) if replacement not in taken]
        added = _assigned(functions, new)
        reason = (
            _clash(new, taken)
            or _named_alike(added, given)
            or (_taken_names(source, edit) if same_file(edit.file, source.path) else "")
            or _broken(source, [*taken, *new])
        )
        if reason:
            conflicts.append(Conflict(edit=edit, reason=reason))
        else:
            taken += new
            applied.append(edit)
            for key, values in added.items():
                given[key] = given.get(key, set()) | values
    own = [edit for edit in applied if same_file(edit.file, source.path)]
    taken += _imports(source, _unique(name for edit in own for name in edit.imports))
    taken += _helpers(source, own)
    taken = [_ending_as(line_end(source.text, each.start), each) for each in taken]
    return Composed(
        text=_replaced(source.text, taken),
        applied=tuple(applied),
        conflicts=tuple(conflicts),
        replacements=tuple(_in_order(taken)),
    )


def line_end(text: str, offset: int) -> str:
    """How the line at an offset ends; where one begins there, the line before it."""
    end = (
        _LINE_END.search(text, max(offset - 2, 0), offset)
        if text[max(offset - 1, 0) : offset] in ("\r", "\n")
        else None
    )
    found = end or _LINE_END.search(text, offset) or _LINE_END.search(text)
    return found.group() if found is not None else "\n"


def _ending_as(end: str, replacement: Replacement) -> Replacement:
    return msgspec.structs.replace(replacement, text=_LINE_END.sub(end, replacement.text))


def _clash(new: Sequence[Replacement], taken: Sequence[Replacement]) -> str:
    for one in new:
        for other in taken:
            inside = other.start < one.start < other.end or one.start < other.start < one.end
            same = one.start == other.start and one.start != one.end and other.start != other.end
            if inside or same:
                return "Another edit changes the same expression"
    return ""


_Given = Mapping[tuple[int, str], set[str]]
"""What inserted lines give to names, by the place of the function and the name."""


def _named_alike(added: _Given, given: _Given) -> str:
    """Why two edits cannot both give a new name of one function its value: they give it different ones."""
    for key in added.keys() & given.keys():
        if not (added[key] <= given[key] or given[key] <= added[key]):
            return f"Another edit gives {key[1]} another value"
    return ""


def _assigned(functions: Sequence[tuple[int, int]], replacements: Sequence[Replacement]) -> _Given:
    found: dict[tuple[int, str], set[str]] = {}
    for each in replacements:
        if each.start != each.end or not each.text.endswith("\n"):
            continue
        try:
            statements = ast.parse(textwrap.dedent(each.text)).body
        except SyntaxError:
            continue
        place = max((start for start, end in functions if start < each.start <= end + 1), default=-1)
        for statement in statements:
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
                found.setdefault((place, statement.targets[0].id), set()).add(ast.unparse(statement.value))
    return found


def _functions(source: ModuleSource) -> list[tuple[int, int]]:
    """Where each function of a file begins and ends."""
    found = [each for each in ast.walk(source.tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [source.span(each) for each in found]


def _broken(source: ModuleSource, replacements: Sequence[Replacement]) -> str:
    try:
        compile(_replaced(source.text, replacements), source.path, "exec", dont_inherit=True, flags=ast.PyCF_ONLY_AST)
    except (SyntaxError, ValueError) as error:
        return f"The text would not be Python any more: {error}"
    return ""


def _in_order(replacements: Sequence[Replacement]) -> list[Replacement]:
    """By place; insertions at one place keep their order, and stand before a replacement that begins there."""
    return sorted(replacements, key=lambda each: (each.start, each.end))


def _replaced(text: str, replacements: Sequence[Replacement]) -> str:
    for replacement in _in_order(replacements)[::-1]:
        text = text[: replacement.start] + replacement.text + text[replacement.end :]
    return text


def _imports(source: ModuleSource, imports: Sequence[str]) -> list[Replacement]:
    """Add what is not imported yet, behind the first block of imports, or the module's docstring."""
    present = {ast.unparse(node) for node in source.tree.body if isinstance(node, ast.Import | ast.ImportFrom)}
    line = 0
    for position, node in enumerate(source.tree.body):
        docstring = position == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if not (docstring or isinstance(node, ast.Import | ast.ImportFrom)):
            break
        line = node.end_lineno or line
    place = source.line_start(line + 1)
    return [Replacement(start=place, end=place, text=f"{name}\n") for name in imports if name not in present]


def _taken_names(source: ModuleSource, edit: Edit) -> str:
    """Why a helper cannot have its name: something else of the file has it."""
    for name in edit.helpers:
        if name in _top_level_names(source) and not _has(source, name):
            return f"The file has a {name} of its own"
    return ""


def _has(source: ModuleSource, helper: str) -> bool:
    """Whether the file has this very helper, from an earlier patch."""
    written = {ast.dump(node) for node in source.tree.body}
    return all(ast.dump(node) in written for node in ast.parse(HELPERS[helper]).body)


def _top_level_names(source: ModuleSource) -> set[str]:
    nodes = [node for node in ast.walk(source.tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return {node.id for node in nodes} | {node.name for node in source.tree.body if isinstance(node, definitions)}


def _helpers(source: ModuleSource, edits: Sequence[Edit]) -> list[Replacement]:
    """Each in front of the first top-level statement that uses it: a script may run before its end is reached."""
    added = []
    for name in _unique(name for edit in edits for name in edit.helpers):
        if _has(source, name):
            continue
        first = min(each.start for edit in edits if name in edit.helpers for each in edit.replacements)
        place = _in_front_of_statement(source, first)
        added.append(Replacement(start=place, end=place, text=f"{HELPERS[name].strip()}\n\n\n"))
    return added


def _in_front_of_statement(source: ModuleSource, offset: int) -> int:
    """Where the top-level statement at an offset begins, its decorators and the comments right above it included."""
    for node in source.tree.body:
        if source.span(node)[1] < offset:
            continue
        line = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", ()))])
        while line > 1 and source.text.startswith("#", source.line_start(line - 1)):
            line -= 1
        return source.line_start(line)
    return len(source.text)


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
