"""The Python line that a host event came from, as far as a trace tells."""

from __future__ import annotations

import re
from functools import lru_cache

import msgspec
import numpy as np
import polars as pl

from sdprof.facts.trace.belonging import belonging
from sdprof.facts.trace.nesting import NONE
from sdprof.model import Location

_FRAME = re.compile(r"^(?P<file>.+?)\((?P<line>\d+)\): (?P<function>.+)$")
# What runs between the user's expression and the operator, and is not to blame.
_MACHINERY = ("torch/", "triton/", "threading.py", "contextlib.py", "functools.py", "typing.py", "runpy.py", "<")
_GENERATED = "torchinductor_"
# A damaged trace may link its calls in a circle; Python's own limit is 1000 frames.
_DEEPEST_STACK = 2000


class Site(msgspec.Struct, frozen=True, kw_only=True):
    """Where in the program something was asked for."""

    where: Location | None
    """The innermost frame outside torch and the standard library. Kineto names the line at which a function *begins*
    (of functions that ran already when recording started, the line they were at): a function, not an expression."""
    operator: str | None = None
    """Innermost operator around it."""
    callers: tuple[Location, ...] = ()
    """The frames outside ``where``, innermost first."""


class PythonStacks:
    """Stacks by the links between Python calls: they reach frames that began before the recording."""

    def __init__(self, python_calls: pl.DataFrame) -> None:
        self._calls = python_calls
        self._parent_row = belonging(
            python_calls["python_parent_id"], python_calls["python_id"], np.arange(python_calls.height)
        )
        self._site = lru_cache(maxsize=None)(self._found)

    def site(self, python_row: int | None, operator: str | None = None, call_stack: str | None = None) -> Site:
        """The site of something that ran in the Python call of that row (None: no Python call is known).

        :param call_stack: ``Call stack`` argument of the operator, used where no Python calls were recorded.
        """
        frames = _locations((call_stack or "").split(";")) if python_row is None else self._site(python_row)
        return Site(where=frames[0] if frames else None, operator=operator, callers=frames[1:])

    def _found(self, row: int) -> tuple[Location, ...]:
        names: list[str] = []
        while row != NONE and len(names) < _DEEPEST_STACK:
            names.append(self._calls["name"][row])
            row = int(self._parent_row[row])
        return _locations(names)


def _locations(frames: list[str]) -> tuple[Location, ...]:
    """User frames as locations, innermost first."""
    found = (_FRAME.match(frame) for frame in frames if not (frame.startswith(_MACHINERY) or _GENERATED in frame))
    return tuple(
        Location(file=match["file"], line=int(match["line"]), function=match["function"])
        for match in found
        if match is not None
    )
