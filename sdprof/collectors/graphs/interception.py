"""Put something in the place of a function, whoever holds it, for a while."""

from __future__ import annotations

import functools
import gc
import inspect
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from types import CodeType, FunctionType
from typing import Any

from sdprof.model import FunctionSite

Handler = Callable[[FunctionType, tuple[Any, ...], Mapping[str, Any]], Any]
"""What is called instead: (the function, positional arguments, keyword arguments)."""
HANDLER = "sdprof_handler"


def functions_of(site: FunctionSite) -> tuple[FunctionType, ...]:
    """The functions that run the code of a site, under all their decorators.

    A name would lead to a decorator, and says nothing of closures and callbacks; so they are looked for among all
    functions of the process. One that its caller makes anew in each call is not there, or no longer the one called.
    """
    return tuple(
        thing for thing in gc.get_objects() if type(thing) is FunctionType and _is_code_of(thing.__code__, site)
    )


@contextmanager
def intercepted(functions: tuple[FunctionType, ...], handler: Handler) -> Iterator[None]:
    """Send the calls of functions to a handler; while it runs, they are themselves again.

    The code of each function object is exchanged, so that decorators, bound methods, partials and callbacks that hold
    it need no care. Its signature stays what it was, for those who inspect it.
    """
    replacements = [_Replacement(function, handler) for function in functions]
    try:
        for replacement in replacements:
            replacement.put()
        yield
    finally:
        for replacement in replacements:
            replacement.take_away()


class _Replacement:
    def __init__(self, function: FunctionType, handler: Handler) -> None:
        self._function = function
        self._handler = handler
        self._code = function.__code__
        self._defaults = function.__defaults__
        self._keyword_defaults = function.__kwdefaults__
        self._had_signature = "__signature__" in function.__dict__
        self._trampoline = _trampoline(len(function.__code__.co_freevars))
        self._signature = inspect.signature(function)
        self._in_place = False

    def put(self) -> None:
        function = self._function
        if not self._had_signature:
            function.__signature__ = self._signature  # type: ignore[attr-defined]
        function.__code__ = self._trampoline
        function.__defaults__ = None
        function.__kwdefaults__ = {HANDLER: self._called}
        self._in_place = True

    def take_away(self) -> None:
        if not self._in_place:
            return
        function = self._function
        function.__code__ = self._code
        function.__defaults__ = self._defaults
        function.__kwdefaults__ = self._keyword_defaults
        if not self._had_signature:
            # TorchDynamo keeps a twin of a function that it compiled, and the two share their attributes.
            function.__dict__.pop("__signature__", None)
        self._in_place = False

    def _called(self, *args: Any, **kwargs: Any) -> Any:
        self.take_away()
        try:
            return self._handler(self._function, args, kwargs)
        finally:
            self.put()


@functools.cache
def _trampoline(free_variables: int) -> CodeType:
    """Code that passes a call on; a function only accepts code with as many free variables as it has."""
    cells = "".join(f"cell_{number}, " for number in range(free_variables))
    source = (
        f"def outer({cells}):\n"
        f"    def call(*args, {HANDLER}, **kwargs):\n"
        f"        return {HANDLER}(*args, **kwargs)\n"
        f"        ({cells})\n"
        "    return call\n"
    )
    outer = compile(source, "<sdprof>", "exec").co_consts[0]
    return next(constant for constant in outer.co_consts if isinstance(constant, CodeType))


def _is_code_of(code: CodeType, site: FunctionSite) -> bool:
    return (
        code.co_firstlineno == site.first_line and code.co_qualname == site.qualname and code.co_filename == site.file
    )
