"""A process that parses a trace file from some event on and hands over the columns.

python -m sdprof.facts.trace_file.later_part FILE FIRST_BYTE

What is imported here is waited for: nothing that computes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from sdprof.facts.trace_file.parsed_stretch import ParsedStretch, parse_stretch
from sdprof.facts.trace_file.read_limits import ReadLimits
from sdprof.facts.trace_file.stretch_chunks import stretch_chunks
from sdprof.facts.trace_file.trace_error import TraceError

_HEAD = b'{"traceEvents":['


def main() -> int:
    """Parse, and write the columns to the standard output; 1 where the file has to be read in one."""
    path, first_byte = Path(sys.argv[1]), int(sys.argv[2])
    limits = ReadLimits()
    try:
        parsed = parse_stretch(str(path), stretch_chunks(path, limits, first_byte=first_byte, head=_HEAD), limits)
    except TraceError:
        return 1
    sys.stdout.buffer.write(packed(parsed))
    return 0


def packed(parsed: ParsedStretch) -> bytes:
    """Columns and all as bytes."""
    return msgspec.msgpack.encode(parsed)


def unpacked(parcel: bytes) -> ParsedStretch:
    """What was packed; its columns are views of these bytes.

    :raises msgspec.MsgspecError: those are no such bytes.
    """
    return msgspec.msgpack.decode(parcel, type=ParsedStretch)


if __name__ == "__main__":
    sys.exit(main())
