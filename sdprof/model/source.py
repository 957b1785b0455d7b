"""Places in source code."""

from __future__ import annotations

import msgspec


class Location(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An expression in a source file: what a finding points at."""

    file: str
    """Path as the interpreter reported it; absolute where the file is on disk."""
    line: int
    """First line, counted from 1."""
    column: int | None = None
    """First column in UTF-8 bytes from 0, as CPython's ``co_positions`` counts them; None where it is not known."""
    end_line: int | None = None
    end_column: int | None = None
    code: str = ""
    """The source line (or lines) as they were when the audit ran."""
    function: str = ""
    """Qualified name of the function that the line belongs to."""


class FunctionSite(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A function on the way from the loop to the hot module, and the line in it that goes on to the next."""

    file: str
    module: str
    """Python module name (``__name__`` of the globals)."""
    qualname: str
    first_line: int
    call_line: int
    user: bool
    """Inside the target's source roots."""
    loop_line: int | None = None
    """First line of the loop statement that makes the steps, where that is not the innermost around ``call_line``."""
