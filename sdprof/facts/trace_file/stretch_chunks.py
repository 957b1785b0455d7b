"""A part of a plain file as a stream of bytes."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

from sdprof.facts.trace_file.read_limits import ReadLimits
from sdprof.facts.trace_file.trace_error import TraceError


def stretch_chunks(
    path: Path, limits: ReadLimits, *, first_byte: int = 0, end: int | None = None, head: bytes = b"", tail: bytes = b""
) -> Generator[bytes, None, None]:
    """A stretch of a plain file, between two texts of the caller's own that make it whole.

    :raises TraceError: the file cannot be read.
    """
    if head:
        yield head
    try:
        with path.open("rb") as file:
            left = (path.stat().st_size if end is None else end) - first_byte
            file.seek(first_byte)
            while chunk := file.read(min(limits.chunk_bytes, max(left, 0))):
                left -= len(chunk)
                yield chunk
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror or error}.") from error
    if tail:
        yield tail
