"""Give a function one more optional parameter, and the calls the argument for it."""

from __future__ import annotations

import ast

from sdprof.fixes.source.edit import Replacement
from sdprof.fixes.source.module_source import ModuleSource
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
