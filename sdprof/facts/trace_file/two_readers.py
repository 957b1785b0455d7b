"""Reads a large trace in two parts, side by side.

Parsing holds the interpreter's lock, so the later part has a process of its own. Where to cut is a guess, and proved:
the first part, closed with a bracket, parses as a list of events only if the cut is between two of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import msgspec

from sdprof.facts.trace_file.file_chunks import GZIP_MAGIC
from sdprof.facts.trace_file.later_part import unpacked
from sdprof.facts.trace_file.parsed_stretch import Beside, ParsedStretch, parse_stretch
from sdprof.facts.trace_file.read_limits import MEBIBYTE, ReadLimits
from sdprof.facts.trace_file.stretch_chunks import stretch_chunks
from sdprof.facts.trace_file.trace_error import TraceError

WORTH_IT_FROM_BYTES = 64 * MEBIBYTE
"""Another process takes a fifth of a second to start, in which a tenth of this is read."""
SHARE_OF_THE_FIRST = 0.52
"""The other process starts later, and has its columns to hand over."""
_BETWEEN_EVENTS = re.compile(rb"\}\s*,\s*(\{)")
_WINDOW_BYTES = 1 << 20


def read_in_two(path: Path, limits: ReadLimits) -> tuple[ParsedStretch, ParsedStretch] | None:
    """Both parts of the file; None where it has to be read in one: small, packed, damaged, or not to be cut."""
    cut = _cut(path, limits) if _processors() > 1 and limits == ReadLimits() else None
    if cut is None:
        return None
    try:
        first, later = _side_by_side(path, limits, *cut)
    except (TraceError, OSError, msgspec.MsgspecError):
        # No process, or no room for what it says. Where the file is at fault, who reads it in one says so.
        return None
    return (first, later) if _belong_together(first.beside, later.beside) else None


def _side_by_side(
    path: Path, limits: ReadLimits, after_comma: int, before_comma: int
) -> tuple[ParsedStretch, ParsedStretch]:
    command = [sys.executable, "-P", "-m", "sdprof.facts.trace_file.later_part", str(path.resolve()), str(after_comma)]
    # A file takes all that is written into it at once; a pipe would have the other process wait for this one.
    with (
        tempfile.TemporaryFile() as parcel,
        subprocess.Popen(command, stdout=parcel, stderr=subprocess.DEVNULL) as other,
    ):
        try:
            first = parse_stretch(str(path), stretch_chunks(path, limits, end=before_comma, tail=b"]"), limits)
            other.wait()
        finally:
            other.kill()
        parcel.seek(0)
        return first, unpacked(parcel.read())


def _belong_together(first: Beside, later: Beside) -> bool:
    # A note says that the list of events ended before the cut; what is unmatched begins in one part and ends in the
    # other.
    return not (first.notes or first.unmatched or later.unmatched)


def _cut(path: Path, limits: ReadLimits) -> tuple[int, int] | None:
    """The first byte of an event, as far as can be guessed, and the end of the one before it."""
    try:
        size = path.stat().st_size
        if not WORTH_IT_FROM_BYTES <= size <= limits.unpacked_bytes:
            return None
        with path.open("rb") as file:
            if file.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
                return None
            start = int(SHARE_OF_THE_FIRST * size)
            file.seek(start)
            window = file.read(_WINDOW_BYTES)
    except OSError:  # whoever reads the file in one says what is wrong
        return None
    between = _BETWEEN_EVENTS.search(window)
    return (start + between.start(1), start + between.start() + 1) if between else None


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
