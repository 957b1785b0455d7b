"""A process that parses a trace file from some event on and hands over the tables.

python -m sdprof.facts.trace.later_part FILE FIRST_BYTE
"""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import msgspec
import polars as pl

from sdprof.facts.trace.event_stream import EventStream
from sdprof.facts.trace.file_chunks import stretch_chunks
from sdprof.facts.trace.parsed_stretch import Beside, ParsedStretch, parse_stretch
from sdprof.facts.trace.read_limits import ReadLimits
from sdprof.facts.trace.table_builder import TableBuilder
from sdprof.facts.trace.trace_error import TraceError

_HEAD = b'{"traceEvents":['


class _Parcel(msgspec.Struct, frozen=True, kw_only=True):
    """What passes from one process to the other."""

    tables: dict[str, bytes]
    """Arrow's format for files."""
    beside: Beside


def main() -> int:
    """Parse, and write the parcel to the standard output; 1 where the file has to be read in one."""
    path, first_byte = Path(sys.argv[1]), int(sys.argv[2])
    limits = ReadLimits()
    try:
        parsed = parse_stretch(
            str(path),
            stretch_chunks(path, limits, first_byte=first_byte, head=_HEAD),
            limits,
            origin_us(path, limits),
        )
    except TraceError:
        return 1
    sys.stdout.buffer.write(packed(parsed))
    return 0


def origin_us(path: Path, limits: ReadLimits) -> float:
    """Where the clock of a whole file's tables begins, from its first events."""
    builder = TableBuilder()
    for events in EventStream(str(path), stretch_chunks(path, limits), limits).batches():
        builder.add(events)
        if builder.origin_known:
            break
    return builder.origin_us


def packed(parsed: ParsedStretch) -> bytes:
    """Tables and all as bytes."""
    return msgspec.msgpack.encode(
        _Parcel(tables={kind: _as_arrow(table) for kind, table in parsed.tables.items()}, beside=parsed.beside)
    )


def unpacked(parcel: bytes) -> ParsedStretch:
    """What was packed.

    :raises msgspec.MsgspecError: those are no such bytes.
    """
    read = msgspec.msgpack.decode(parcel, type=_Parcel)
    return ParsedStretch({kind: pl.read_ipc(BytesIO(table)) for kind, table in read.tables.items()}, read.beside)


def _as_arrow(table: pl.DataFrame) -> bytes:
    written = BytesIO()
    table.write_ipc(written)
    return written.getvalue()


if __name__ == "__main__":
    sys.exit(main())
