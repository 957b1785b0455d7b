"""Find function objects from where they stand in the source, or by name."""

from __future__ import annotations

import gc
import importlib
import inspect
from collections.abc import Callable, Iterator, Sequence
from types import CellType, CodeType, FunctionType

from sdprof.model import FunctionSite


class FunctionNotFoundError(Exception):
    """There is no such function: one sentence that says what was looked for."""


def live_functions() -> list[FunctionType]:
    """Every function object of this process that the garbage collector knows."""
    return [found for found in gc.get_objects() if type(found) is FunctionType]


def functions_at(site: FunctionSite, live: Sequence[FunctionType]) -> list[FunctionType]:
    """All function objects whose code stands at ``site``: what a decorator wraps, too, and every copy of a closure."""
    return [function for function in live if _is_at(function.__code__, site)]


def maker_of(site: FunctionSite, live: Sequence[FunctionType]) -> tuple[FunctionType, CodeType] | None:
    """The function object around the code at ``site``, and that code; None where no function is around it.

    That is how to reach what each run makes anew: closures, lambdas, comprehensions.
    """
    makers = [
        function
        for function in live
        if function.__code__.co_filename == site.file
        and site.qualname.startswith(function.__code__.co_qualname + ".<locals>.")
    ]
    for maker in sorted(makers, key=lambda function: -len(function.__code__.co_qualname)):
        for code in _codes_within(maker.__code__):
            if _is_at(code, site):
                return maker, code
    return None


def replace_inner(code: CodeType, old: CodeType, new: CodeType) -> CodeType:
    """``code`` with ``new`` in the place of ``old``, however deep in its constants."""
    constants = tuple(
        new if constant is old else replace_inner(constant, old, new) if isinstance(constant, CodeType) else constant
        for constant in code.co_consts
    )
    if all(one is other for one, other in zip(constants, code.co_consts, strict=True)):
        return code
    return code.replace(co_consts=constants)


def functions_named(name: str, live: Sequence[FunctionType], is_user_file: Callable[[str], bool]) -> list[FunctionType]:
    """Functions that a user named, as ``module:qualified.name`` or by a qualified name or its end.

    A class stands for its methods. Without a module the user's own functions come first.

    :raises FunctionNotFoundError: if there is none, or it is not written in Python.
    """
    module_name, colon, qualname = name.partition(":")
    if not colon:
        ending = "." + name
        named = [
            function
            for function in live
            if function.__code__.co_qualname == name or function.__code__.co_qualname.endswith(ending)
        ]
        own = [function for function in named if is_user_file(function.__code__.co_filename)]
        if not (own or named):
            raise FunctionNotFoundError(f"{name}: no function of this name was loaded when the loop was built.")
        return own or named
    try:
        found: object = importlib.import_module(module_name)
        for part in qualname.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise FunctionNotFoundError(f"{name}: {error}.") from None
    members = list(vars(found).values()) if isinstance(found, type) else [found]
    functions = [function for member in members if (function := python_function(member)) is not None]
    if not functions:
        raise FunctionNotFoundError(f"{name} is not written in Python.")
    return functions


def python_function(value: object) -> FunctionType | None:
    """The function under decorators, methods and properties; None where there is no Python code."""
    if isinstance(value, property):
        value = value.fget
    if isinstance(value, staticmethod | classmethod):
        value = value.__func__
    if not callable(value):
        return None
    value = inspect.unwrap(value)
    value = getattr(value, "__func__", value)
    return value if isinstance(value, FunctionType) else None


def stand_in(code: CodeType) -> FunctionType:
    """A function that has this code and is never called."""
    return FunctionType(code, {}, closure=tuple(CellType() for _ in code.co_freevars))


def _codes_within(code: CodeType) -> Iterator[CodeType]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield constant
            yield from _codes_within(constant)


def _is_at(code: CodeType, site: FunctionSite) -> bool:
    return (code.co_filename, code.co_qualname, code.co_firstlineno) == (site.file, site.qualname, site.first_line)
