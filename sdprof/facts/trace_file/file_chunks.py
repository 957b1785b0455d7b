"""A trace file as a bounded stream of unpacked bytes."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO, cast

from sdprof.facts.trace_file.read_limits import MEBIBYTE, ReadLimits
from sdprof.facts.trace_file.trace_error import TraceError

GZIP_MAGIC = b"\x1f\x8b"
# Containers that people send traces in and that this reader does not open.
FOREIGN_MAGICS = {
    b"PK\x03\x04": "a ZIP archive",
    b"\x28\xb5\x2f\xfd": "packed with zstd",
    b"\xfd7zXZ": "packed with xz",
    b"BZh": "packed with bzip2",
}


def file_chunks(path: Path, limits: ReadLimits) -> Generator[bytes, None, None]:
    """The unpacked bytes of a plain or gzip file, whichever its first bytes say, in order.

    One chunk is read ahead in a thread: zlib and the file system release the interpreter's lock.

    :raises TraceError: the file cannot be opened, is empty, cut off, damaged, or larger than the limits.
    """
    try:
        packed_bytes = path.stat().st_size
        file = path.open("rb")
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror or error}.") from error
    with file, ThreadPoolExecutor(max_workers=1) as ahead:
        magic = _first_bytes(path, file)
        if not magic:
            raise TraceError(f"{path} is empty: record the trace again.")
        for foreign, container in FOREIGN_MAGICS.items():
            if magic.startswith(foreign):
                raise TraceError(f"{path} is {container}: unpack it and pass the .json or .json.gz file inside.")
        packed = magic.startswith(GZIP_MAGIC)
        if not packed and packed_bytes > limits.unpacked_bytes:
            raise _too_large(path, limits)
        stream = cast(BinaryIO, gzip.GzipFile(fileobj=file)) if packed else file
        unpacked_bytes = 0
        following = ahead.submit(_read, path, stream, limits.chunk_bytes)
        while chunk := following.result():
            unpacked_bytes += len(chunk)
            if unpacked_bytes > limits.unpacked_bytes:
                raise _too_large(path, limits)
            if (
                packed
                and unpacked_bytes > limits.expansion_from_bytes
                and unpacked_bytes > limits.expansion * packed_bytes
            ):
                raise TraceError(
                    f"{path} unpacks to more than {limits.expansion} times its size, as no trace does: it was refused "
                    "as a decompression bomb (unpack it yourself if you trust it)."
                )
            following = ahead.submit(_read, path, stream, limits.chunk_bytes)
            yield chunk


def _first_bytes(path: Path, file: BinaryIO) -> bytes:
    try:
        magic = file.read(8)
        file.seek(0)
    except OSError as error:
        if not file.seekable():
            raise TraceError(f"{path} is a pipe, which is read only once: write it to a file first.") from error
        raise TraceError(f"{path} cannot be read: {error.strerror or error}.") from error
    return magic


def _read(path: Path, stream: BinaryIO, size: int) -> bytes:
    try:
        return stream.read(size)
    except EOFError as error:
        raise TraceError(f"{path} is cut off: its gzip stream has no end; copy it or record it again.") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise TraceError(f"{path} is damaged: its gzip stream does not unpack; copy it or record it again.") from error
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror or error}.") from error


def _too_large(path: Path, limits: ReadLimits) -> TraceError:
    return TraceError(
        f"{path} holds more than {limits.unpacked_bytes // MEBIBYTE} MiB unpacked, the limit for a trace: record fewer "
        "steps, or raise the limit."
    )
