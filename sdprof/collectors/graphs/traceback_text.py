"""Read the stack frames that a formatted Python traceback lists."""

from __future__ import annotations

import linecache
import re
from collections.abc import Iterable, Iterator
from traceback import FrameSummary

import msgspec

_FRAME = re.compile(r'^\s*File "(?P<file>[^"]+)", line (?P<line>\d{1,9})(?:, in (?P<function>.+))?$')
_CARETS = re.compile(r"^\s*[~^]+\s*$")
_RESUME = re.compile(r"^torch_dynamo_resume_in_(?P<function>.+)_at_\d+$")


class TextFrame(msgspec.Struct, frozen=True):
    """One frame of a traceback."""

    file: str
    line: int
    function: str = ""
    """Its plain name, as tracebacks give it; functions that TorchDynamo resumes in have that of the original."""
    start: int | None = None
    """First underlined character, counted in the line without its indentation; None where nothing or all of the line
    is underlined."""
    end: int | None = None
    """The character behind the last underlined one; None where the underline goes on to the end of the line, as it also
    does if the writer did not know better."""


def frames_in(lines: Iterable[str]) -> Iterator[TextFrame]:
    """The frames in a text, outermost first; what is not a frame is passed over."""
    listed = list(lines)
    for number, text in enumerate(listed):
        match = _FRAME.match(text)
        if match is not None:
            code, under = [*listed[number + 1 : number + 3], "", ""][:2]
            yield TextFrame(
                match["file"], int(match["line"]), original_name(match["function"] or ""), *_underlined(code, under)
            )


def frame_of(summary: FrameSummary) -> TextFrame:
    """The same from a frame summary, whose columns count bytes."""
    line = linecache.getline(summary.filename, summary.lineno or 0).encode()
    indentation = len(line) - len(line.lstrip())
    start, end = (
        None if column is None else len(line[indentation:column].decode(errors="replace"))
        for column in (summary.colno, summary.end_colno)
    )
    return TextFrame(summary.filename, summary.lineno or 0, original_name(summary.name), start, end)


def original_name(function: str) -> str:
    """Name of the function that a resume function of TorchDynamo continues."""
    resumed = _RESUME.match(function)
    return function if resumed is None else resumed["function"]


def _underlined(code: str, under: str) -> tuple[int | None, int | None]:
    if not _CARETS.match(under):
        return None, None
    indentation = len(code) - len(code.lstrip())
    start = len(under) - len(under.lstrip())
    if start < indentation:
        return None, None
    end = len(under.rstrip())
    return start - indentation, None if end >= len(code.rstrip()) else end - indentation
