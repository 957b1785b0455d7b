"""From frames of TorchDynamo's to the line in the user's source."""

from __future__ import annotations

import ast
import functools
import linecache
from collections.abc import Callable, Sequence
from pathlib import PurePath

from sdprof.collectors.graphs.traceback_text import TextFrame
from sdprof.collectors.visibility import Visibility
from sdprof.model import Location

See = Callable[[str], Visibility]
INSTALLED = ("site-packages", "dist-packages")


def user_frame(frames: Sequence[TextFrame], see: See) -> TextFrame | None:
    """The innermost frame in the user's own source; where none is, of a library; where none is either, of anything."""
    for wanted in (Visibility.USER, Visibility.LIBRARY, Visibility.HIDDEN):
        for frame in reversed(frames):
            if see(frame.file) is wanted:
                return frame
    return None


def library_frame(frames: Sequence[TextFrame], see: See) -> TextFrame | None:
    """The innermost frame of a library below the user's, or None."""
    for frame in reversed(frames):
        visibility = see(frame.file)
        if visibility is Visibility.USER:
            return None
        if visibility is Visibility.LIBRARY:
            return frame
    return None


def location_of(frame: TextFrame) -> Location:
    """The place of a frame; with columns where the traceback underlined a part of the line."""
    text = linecache.getline(frame.file, frame.line).rstrip("\n")
    indentation = len(text) - len(text.lstrip())
    column = end_line = end_column = None
    if frame.start is not None and text:
        column = len(text[: indentation + frame.start].encode())
        if frame.end is not None:
            end_line, end_column = frame.line, len(text[: indentation + frame.end].encode())
        else:
            end_line, end_column = _end_of_expression(frame.file, frame.line, column)
    return Location(
        file=frame.file,
        line=frame.line,
        column=column,
        end_line=end_line,
        end_column=end_column,
        code=text,
        function=qualified_name(frame),
    )


def qualified_name(frame: TextFrame) -> str:
    """Qualified name of the innermost function that the frame's line belongs to, if its plain name is the frame's."""
    found = ""
    for first, last, qualname in _functions(frame.file):
        if first <= frame.line <= last and qualname.rpartition(".")[2] == frame.function:
            found = qualname
    return found or frame.function


def short_path(file: str) -> str:
    """A path from the package on, or its last two parts."""
    parts = PurePath(file).parts
    installed = [number for number, part in enumerate(parts) if part in INSTALLED]
    return "/".join(parts[installed[-1] + 1 :] if installed else parts[-2:])


def _end_of_expression(file: str, line: int, column: int) -> tuple[int | None, int | None]:
    """Where the expression ends that begins here.

    ``a`` begins where ``a.b(c)`` and ``a.b(c) + d`` do: of these the call is meant, for it is calls, subscripts and
    attributes that break graphs.
    """
    tree = _parsed(file)
    if tree is None:
        return None, None
    here = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.expr) and (node.lineno, node.col_offset) == (line, column)
    ]
    primaries = [node for node in here if isinstance(node, ast.Call | ast.Subscript | ast.Attribute | ast.Name)]
    ends = [(node.end_lineno or line, node.end_col_offset or column) for node in primaries or here]
    return max(ends, default=(None, None))


@functools.lru_cache(maxsize=256)
def _functions(file: str) -> tuple[tuple[int, int, str], ...]:
    """(first line with decorators, last line, qualified name) of every function in a file, outer ones first."""
    tree = _parsed(file)
    if tree is None:
        return ()
    found: list[tuple[int, int, str]] = []

    def visit(node: ast.AST, prefix: str) -> None:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                first = min([child.lineno, *(decorator.lineno for decorator in child.decorator_list)])
                found.append((first, child.end_lineno or child.lineno, prefix + child.name))
                visit(child, f"{prefix}{child.name}.<locals>.")
            elif isinstance(child, ast.ClassDef):
                visit(child, f"{prefix}{child.name}.")
            else:
                visit(child, prefix)

    visit(tree, "")
    return tuple(found)


@functools.lru_cache(maxsize=64)
def _parsed(file: str) -> ast.Module | None:
    try:
        return ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
