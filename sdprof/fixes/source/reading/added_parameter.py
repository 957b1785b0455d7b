"""Give a function one more optional parameter, and the calls the argument for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import MOST_BYTES, ModuleSource
from sdprof.fixes.source.reading.calls import behind
from sdprof.fixes.source.reading.names import Function, is_free


def takes_one_more(source: ModuleSource, function: Function, name: str, wished: str) -> bool:
    """Whether a parameter may be added behind the others, to this function and to all that take the same calls.

    :param name: of a parameter that they all have.
    """
    return all(
        is_free(each, wished)
        and (
            (each is not function and _takes_anything(each))
            or (
                each.args.vararg is None
                and (each.args.kwarg is None or (each is function and _takes_anything(each)))
                and not each.args.kwonlyargs
                and name in [given.arg for given in each.args.args]
            )
        )
        for each in _namesakes(source, function)
    )


def has_namesake_beside(source: ModuleSource, function: Function, caller: ModuleSource, call: ast.Call) -> bool:
    """Whether another file of the folder defines a method of this name, which a call may mean as well.

    That is one with a subclass of the method's class, or which the caller's file imports.
    """
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = source.parents.get(function)
    name = re.escape(owner.name) if isinstance(owner, ast.ClassDef) else "(?!)"
    derived = re.compile(rf"class\s+\w+\s*\([^)]*\b{name}\b")
    another = re.compile(rf"class\s+{name}\b")  # a class of its own by the same name
    defined = re.compile(rf"^[ \t]+(async[ \t]+)?def[ \t]+{re.escape(function.name)}\b", re.MULTILINE)
    itself = Path(source.path)
    for beside in itself.parent.glob("*.py"):
        text = _text_of(beside) if beside.name != itself.name else ""
        if not defined.search(text):
            continue
        if (derived.search(text) and not another.search(text)) or _imports(caller, beside.stem):
            return True
    return False


def _imports(source: ModuleSource, module: str) -> bool:
    statements = (each for each in ast.walk(source.tree) if isinstance(each, ast.Import | ast.ImportFrom))
    return any(re.search(rf"\b{re.escape(module)}\b", ast.unparse(each)) for each in statements)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace") if file.stat().st_size <= MOST_BYTES else ""
    except OSError:
        return ""


def with_parameter(source: ModuleSource, function: Function, text: str) -> list[Replacement]:
    """``text`` behind the last parameter of a function, and of those that take the same calls."""
    changes: list[Replacement] = []
    for each in _namesakes(source, function):
        if each.args.kwarg is not None and each is not function:
            continue  # it takes the argument as it is
        last = each.args.defaults[-1] if each.args.defaults else each.args.args[-1]
        end = source.span(last)[1]
        changes.append(Replacement(start=end, end=end, text=f"{behind(source, each.args.args[-1], each)}{text}"))
    return changes


def _namesakes(source: ModuleSource, function: Function) -> list[Function]:
    """The functions of this name in the file: a method, and those that stand for it in other classes."""
    return [each for each in ast.walk(source.tree) if isinstance(each, Function) and each.name == function.name]


def _takes_anything(function: Function) -> bool:
    """Whether a function is given more by name than it knows, and does nothing with it."""
    more = function.args.kwarg
    return more is not None and more.arg not in {each.id for each in ast.walk(function) if isinstance(each, ast.Name)}
