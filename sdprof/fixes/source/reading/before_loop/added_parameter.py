"""Give a function one more optional parameter, and the calls the argument for it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import MOST_BYTES, ModuleSource
from sdprof.fixes.source.reading.calls import behind
from sdprof.fixes.source.reading.names import Function, dotted, is_free, last_name


def takes_one_more(
    source: ModuleSource, function: Function, name: str, wished: str, call: ast.Call | None = None
) -> bool:
    """Whether a parameter may be added behind the others, to this function and to all that take the same calls.

    :param name: of a parameter that they all have.
    :param call: the only one that gives the argument, where that is known.
    """
    return all(
        is_free(each, wished)
        and (
            (each is not function and _takes_anything(each))
            or (
                each.args.vararg is None
                and (each.args.kwarg is None or (each is function and _takes_anything(each)))
                and name in [given.arg for given in (*each.args.args, *each.args.kwonlyargs)]
            )
        )
        for each in _namesakes(source, function, call)
    )


def has_namesake_beside(source: ModuleSource, function: Function, caller: ModuleSource, call: ast.Call) -> bool:
    """Whether another file of the folder defines a method of this name, which a call may mean as well.

    That is one with a subclass of the method's class, or of one whose object ``self`` may be there, or one which the
    caller's file imports.
    """
    if not isinstance(call.func, ast.Attribute):
        return False
    owner = source.parents.get(function)
    names = {each.name for each in _classes_of_self(caller, call) or ()}
    names |= {owner.name} if isinstance(owner, ast.ClassDef) else set()
    defined = re.compile(rf"^[ \t]+(async[ \t]+)?def[ \t]+{re.escape(function.name)}\b", re.MULTILINE)
    itself = Path(source.path)
    for beside in itself.parent.glob("*.py"):
        text = _text_of(beside) if beside.name != itself.name else ""
        if not defined.search(text):
            continue
        if any(_derives(text, each) for each in names) or _imports(caller, beside.stem):
            return True
    return False


def _derives(text: str, name: str) -> bool:
    """Whether a text makes a class of one that it does not define itself."""
    derived, another = rf"class\s+\w+\s*\([^)]*\b{re.escape(name)}\b", rf"class\s+{re.escape(name)}\b"
    return bool(re.search(derived, text)) and not re.search(another, text)


def _imports(source: ModuleSource, module: str) -> bool:
    statements = (each for each in ast.walk(source.tree) if isinstance(each, ast.Import | ast.ImportFrom))
    return any(re.search(rf"\b{re.escape(module)}\b", ast.unparse(each)) for each in statements)


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace") if file.stat().st_size <= MOST_BYTES else ""
    except OSError:
        return ""


def with_parameter(
    source: ModuleSource, function: Function, text: str, call: ast.Call | None = None
) -> list[Replacement]:
    """``text`` behind the last parameter of a function, and of those that take the same calls."""
    changes: list[Replacement] = []
    for each in _namesakes(source, function, call):
        if each.args.kwarg is not None and each is not function:
            continue  # it takes the argument as it is
        last, default = _last_parameter(each)
        end = source.span(default or last)[1]
        changes.append(Replacement(start=end, end=end, text=f"{behind(source, last, each)}{text}"))
    return changes


def _last_parameter(function: Function) -> tuple[ast.arg, ast.expr | None]:
    """The last parameter in the text, and its default."""
    given = function.args
    if given.kwonlyargs:
        return given.kwonlyargs[-1], given.kw_defaults[-1]
    return given.args[-1], given.defaults[-1] if given.defaults else None


def _namesakes(source: ModuleSource, function: Function, call: ast.Call | None) -> list[Function]:
    """The functions of this name in the file: a method, and those that stand for it in other classes.

    A call ``self.step(…)`` reaches those of the caller's class, of what that is made of and of what is made of it.
    """
    named = [each for each in ast.walk(source.tree) if isinstance(each, Function) and each.name == function.name]
    classes = _classes_of_self(source, call)
    family = {method for each in classes or () for method in each.body}
    if function not in family:
        return named
    return [each for each in named if each in family or not isinstance(source.parents.get(each), ast.ClassDef)]


def _classes_of_self(source: ModuleSource, call: ast.Call | None) -> set[ast.ClassDef] | None:
    """The classes of this file that may have the method of a call ``self.step(…)``; None of other calls."""
    if call is None or not isinstance(call.func, ast.Attribute) or dotted(call.func.value) != "self":
        return None
    own: ast.AST | None = call
    while own is not None and not isinstance(own, ast.ClassDef):
        own = source.parents.get(own)
    if own is None:
        return None
    classes = [each for each in ast.walk(source.tree) if isinstance(each, ast.ClassDef)]
    bases = {each: {last_name(base) for base in each.bases} for each in classes}

    def grown(start: set[ast.ClassDef], *, down: bool) -> set[ast.ClassDef]:
        found = set(start)
        while True:
            names = {each.name for each in found} if down else {name for each in found for name in bases[each]}
            more = {each for each in classes if (bases[each] & names if down else each.name in names)} - found
            if not more:
                return found
            found |= more

    return grown(grown({own}, down=True), down=False)


def _takes_anything(function: Function) -> bool:
    """Whether a function is given more by name than it knows, and does nothing with it."""
    more = function.args.kwarg
    return more is not None and more.arg not in {each.id for each in ast.walk(function) if isinstance(each, ast.Name)}
