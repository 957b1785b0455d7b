"""Which expression of whose code is running: the call stack, seen from inside a PyTorch operator.

CPython 3.11 and later can say, for an instruction of a code object, from which line and column to which line and
column its expression reaches (PEP 657). A frame's ``f_lasti`` is the instruction that runs, so that an event can be
pinned on ``table[index]`` inside a line, not on the line.
"""

from __future__ import annotations

import itertools
import site
import sys
import sysconfig
from functools import cache
from pathlib import Path
from types import CodeType, FrameType

import msgspec
import torch

RawFrames = tuple[int, ...]
"""For each frame, innermost first, a number for its code object and the byte offset of the instruction that runs.

Cheap to take and to compare: a code object's own hash and equality go through all its constants.
"""

_code_by_number: dict[int, CodeType] = {}
"""Keeps the code objects alive, so that their addresses can stand for them."""


class Frame(msgspec.Struct, frozen=True, kw_only=True):
    """One frame of the chain of calls that led to an event."""

    file: str
    function: str
    """Qualified name."""
    first_line: int
    """First line of the function: with file and name, what tells two functions apart."""
    line: int
    """First line of the running expression."""
    column: int | None
    """In UTF-8 bytes from 0; None where the code was compiled without positions."""
    end_line: int
    end_column: int | None
    library: bool
    """Installed in site-packages (diffusers, einops), not the user's own."""


def running_frames() -> RawFrames:
    """The frames that are worth showing, innermost first: all but PyTorch, the standard library and sdprof itself."""
    shown = []
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        code = frame.f_code
        hidden = _hidden.get(code.co_filename)
        if hidden is None:
            hidden = _hidden[code.co_filename] = is_hidden(code.co_filename)
        if not hidden:
            number = id(code)
            _code_by_number[number] = code
            shown.append(number)
            shown.append(frame.f_lasti)
        frame = frame.f_back
    return tuple(shown)


_hidden: dict[str, bool] = {}


def explain(frames: RawFrames) -> tuple[Frame, ...]:
    """Name file, function, line and columns of frames."""
    return tuple(
        _explain_one(_code_by_number[number], instruction)
        for number, instruction in zip(frames[::2], frames[1::2], strict=True)
    )


@cache
def _explain_one(code: CodeType, instruction: int) -> Frame:
    position = next(itertools.islice(code.co_positions(), instruction // 2, None), (None, None, None, None))
    line, end_line, column, end_column = position
    line = line or code.co_firstlineno
    return Frame(
        file=code.co_filename,
        function=code.co_qualname,
        first_line=code.co_firstlineno,
        line=line,
        column=column,
        end_line=end_line or line,
        end_column=end_column,
        library=is_library(code.co_filename),
    )


def is_hidden(file: str) -> bool:
    """Whether a frame of this file says nothing to a user: PyTorch, the standard library, sdprof."""
    if file.startswith("<"):
        # Typed-in code (<stdin>, <string>, <ipython-input-…>) is the user's; the import system and generated code not.
        return file.startswith(("<frozen ", "<__array_function__", "<attrs generated"))
    path = file if file.startswith("/") else str(Path(file).absolute())
    if path.startswith(_BUILTIN_TARGETS):
        return False
    if path.startswith(_HIDDEN_FOLDERS):
        return True
    return path.startswith(_STANDARD_LIBRARY) and not path.startswith(_SITE_PACKAGES)


@cache
def is_library(file: str) -> bool:
    """Whether this file was installed, as against written by the user."""
    return file.startswith(_SITE_PACKAGES) and not file.startswith(_BUILTIN_TARGETS)


def _folder(path: str | Path) -> str:
    return str(path).rstrip("/") + "/"


_SDPROF = Path(__file__).parent.parent
_BUILTIN_TARGETS = _folder(_SDPROF / "builtin_targets")
_TORCH = Path(torch.__file__).parent
_HIDDEN_FOLDERS = (_folder(_SDPROF), _folder(_TORCH), _folder(_TORCH.parent / "torchgen"))
_STANDARD_LIBRARY = tuple({_folder(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")})
_SITE_PACKAGES = tuple(
    {
        _folder(path)
        for path in (
            sysconfig.get_path("purelib"),
            sysconfig.get_path("platlib"),
            str(_TORCH.parent),
            site.getusersitepackages(),
            *site.getsitepackages(),
        )
    }
)
