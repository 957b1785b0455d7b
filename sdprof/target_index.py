"""Find targets without running them: the ``@sdprof.target`` declarations are read from the source."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sdprof.extensions import extension_files, unusable
from sdprof.target import TargetDeclaration

SOURCE_LIMIT_BYTES = 4 * 1024 * 1024
PACKAGED = Path(__file__).parent / "builtin_targets"
IN_REPOSITORY = Path(__file__).parent.parent / "targets"


class TargetNotFoundError(Exception):
    """No such target: one sentence that says what was looked for and what there is."""


@dataclass(frozen=True)
class TargetFile:
    """A source file with one target in it."""

    path: Path
    declaration: TargetDeclaration


def builtin_targets() -> tuple[TargetFile, ...]:
    """All targets that come with sdprof, by name; then those that other packages add."""
    folder = PACKAGED if PACKAGED.is_dir() else IN_REPOSITORY
    found = {
        declared.name: TargetFile(file, declared)
        for file in sorted(folder.glob("*/target.py"))
        for declared in read_declarations(file)
    }
    return (*sorted(found.values(), key=lambda target: target.declaration.name), *_added(frozenset(found)))


@cache
def _added(taken: frozenset[str]) -> tuple[TargetFile, ...]:
    added: dict[str, TargetFile] = {}
    for name, file in extension_files("sdprof.targets").items():
        try:
            declared = tuple(read_declarations(file))
        except TargetNotFoundError as error:
            unusable(name, "sdprof.targets", str(error).rstrip("."))
            continue
        if len(declared) != 1:
            unusable(name, "sdprof.targets", f"{file} declares {len(declared)} targets, not one")
        elif declared[0].name in taken or declared[0].name in added:
            unusable(name, "sdprof.targets", f"there is a target {declared[0].name} already")
        else:
            added[declared[0].name] = TargetFile(file, declared[0])
    return tuple(added.values())


def find_target(wanted: str) -> TargetFile:
    """Resolve what ``--target`` was given: the name of a built-in target, a folder with a ``target.py``, or a file.

    :raises TargetNotFoundError: if it is none of them, or the file declares no target, or more than one.
    """
    for builtin in builtin_targets():
        if builtin.declaration.name == wanted:
            return builtin
    path = Path(wanted).expanduser()
    if path.is_dir():
        path = path / "target.py"
        if not path.is_file():
            raise TargetNotFoundError(f"The folder {wanted} has no target.py; write one, or name the target's file.")
    if not path.is_file():
        raise TargetNotFoundError(_unknown(wanted))
    if path.suffix != ".py":
        raise TargetNotFoundError(f"{wanted} is not a Python file; a target is a .py file or a folder with target.py.")
    declarations = tuple(read_declarations(path))
    if not declarations:
        raise TargetNotFoundError(
            f"{path} declares no target; decorate its build function with @sdprof.target('some-name')."
        )
    if len(declarations) > 1:
        names = ", ".join(declaration.name for declaration in declarations)
        raise TargetNotFoundError(f"{path} declares {len(declarations)} targets ({names}); keep one in a file.")
    return TargetFile(path.resolve(), declarations[0])


def read_declarations(file: Path) -> Iterator[TargetDeclaration]:
    """Read the ``@sdprof.target(…)`` decorators of a source file.

    :raises TargetNotFoundError: if the file cannot be read or parsed.
    """
    try:
        if file.stat().st_size > SOURCE_LIMIT_BYTES:
            raise TargetNotFoundError(f"{file} is larger than {SOURCE_LIMIT_BYTES} bytes: this is no target.")
        tree = ast.parse(file.read_bytes(), str(file))
    except OSError as error:
        raise TargetNotFoundError(f"{file} cannot be read: {error.strerror}.") from None
    except (SyntaxError, ValueError) as error:
        raise TargetNotFoundError(f"{file} is not valid Python: {error}.") from None
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and _called_name(decorator.func) == "target":
                    yield _declaration(decorator, file)


def _called_name(function: ast.expr) -> str:
    if isinstance(function, ast.Attribute):
        return function.attr
    return function.id if isinstance(function, ast.Name) else ""


def _declaration(decorator: ast.Call, file: Path) -> TargetDeclaration:
    given: dict[str, object] = {}
    try:
        for keyword in decorator.keywords:
            given[keyword.arg or ""] = ast.literal_eval(keyword.value)
        if decorator.args:
            given["name"] = ast.literal_eval(decorator.args[0])
    except ValueError:
        raise TargetNotFoundError(
            f"{file}:{decorator.lineno}: the arguments of @sdprof.target must be literals, so that they can be read "
            "without running the file."
        ) from None
    name, summary, sizes = given.get("name"), given.get("summary", ""), given.get("sizes", ())
    if not isinstance(name, str) or not isinstance(summary, str) or not isinstance(sizes, tuple | list):
        raise TargetNotFoundError(
            f"{file}:{decorator.lineno}: @sdprof.target takes a name, a summary and a tuple of sizes."
        )
    return TargetDeclaration(name, summary, tuple(str(size) for size in sizes))


def _unknown(wanted: str) -> str:
    names = [target.declaration.name for target in builtin_targets()]
    near = difflib.get_close_matches(wanted, names, 1)
    meant = f" Did you mean {near[0]}?" if near else ""
    return (
        f"There is no built-in target {wanted!r}, and no folder or file of that name.{meant} "
        f"Built-in targets: {', '.join(names)}."
    )
