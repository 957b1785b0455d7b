"""Reads a large trace in two parts, side by side.

Parsing holds the interpreter's lock, so the later part has a process of its own. Where to cut is a guess, and proved:
the first part, closed with a bracket, parses as a list of events only if the cut is between two of them.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import msgspec
import polars as pl

from sdprof.facts.trace.file_chunks import GZIP_MAGIC, stretch_chunks
from sdprof.facts.trace.later_part import unpacked
from sdprof.facts.trace.parsed_stretch import Beside, ParsedStretch, parse_stretch
from sdprof.facts.trace.read_limits import MEBIBYTE, ReadLimits
from sdprof.facts.trace.trace_error import TraceError

WORTH_IT_FROM_BYTES = 64 * MEBIBYTE
"""Another process takes a fifth of a second to start, in which a tenth of this is read."""
SHARE_OF_THE_FIRST = 0.56
"""The other process starts later, and has its tables to hand over."""
_BETWEEN_EVENTS = re.compile(rb"\}\s*,\s*(\{)")
_WINDOW_BYTES = 1 << 20


def read_in_two(path: Path, limits: ReadLimits) -> ParsedStretch | None:
    """The whole file; None where it has to be read in one: it is small, packed, or damaged, or cannot be cut."""
    cut = _cut(path, limits) if _processors() > 1 and limits == ReadLimits() else None
    if cut is None:
        return None
    after_comma, before_comma = cut
    command = [sys.executable, "-P", "-m", "sdprof.facts.trace.later_part", str(path.resolve()), str(after_comma)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        try:
            first = parse_stretch(str(path), stretch_chunks(path, limits, end=before_comma, tail=b"]"), limits)
            assert other.stdout is not None
            parcel = other.stdout.read()
        except TraceError:
            return None
        finally:
            other.kill()
    try:
        return joined(first, unpacked(parcel))
    except (msgspec.MsgspecError, pl.exceptions.PolarsError):
        return None


def joined(first: ParsedStretch, later: ParsedStretch) -> ParsedStretch | None:
    """Both parts as one; None where they do not belong together, or an event begins in one and ends in the other."""
    one, two = first.beside, later.beside
    # A note says that the list of events ended before the cut.
    if one.notes or one.unmatched or two.unmatched or one.origin_us != two.origin_us:
        return None
    tables = {kind: pl.concat([table, later.tables[kind]], rechunk=True) for kind, table in first.tables.items()}
    beside = Beside(
        origin_us=one.origin_us,
        metadata=one.metadata | two.metadata,
        notes=two.notes,
        repaired=one.repaired or two.repaired,
        unreadable_events=one.unreadable_events + two.unreadable_events,
        left_out=Counter(one.left_out) + Counter(two.left_out),
        unknown_categories=Counter(one.unknown_categories) + Counter(two.unknown_categories),
        unmatched=0,
        rounded_to_us=max(one.rounded_to_us, two.rounded_to_us),
    )
    return ParsedStretch(tables, beside)


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
