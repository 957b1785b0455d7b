"""One file for everything that was measured on a machine: read with limits, appended to whole or not at all."""

from __future__ import annotations

import contextlib
import fcntl
import os
import platform
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from sdprof.model import Environment
from sdprof.model.bench import BENCH_SCHEMA_VERSION, BenchFile, Series
from sdprof.run_folder import RunFolderError, write_whole

LIMIT_BYTES = 64 * 1024 * 1024
SUFFIX = ".bench.json"


class UnreadableBenchError(Exception):
    """One sentence that says what is wrong with a file and what to do."""


class _Head(msgspec.Struct):
    schema_version: int | None = None


def machine_of(environment: Environment) -> BenchFile:
    """A machine on which nothing was measured yet."""
    device = environment.gpu or environment.cpu
    return BenchFile(
        schema_version=BENCH_SCHEMA_VERSION,
        machine=f"{device}, {environment.cores} cores, {platform.node()}",
        device_name=device,
        compute_capability=environment.compute_capability,
    )


def file_of(machine: BenchFile, folder: Path) -> Path:
    """Where the machine's results lie: named after its device and its host."""
    return named_file(f"{machine.device_name} {platform.node()}", folder)


def named_file(name: str, folder: Path) -> Path:
    """A machine's file by any name."""
    return folder / f"{re.sub(r'[^a-z0-9]+', '-', name.lower()).strip('-')[:100]}{SUFFIX}"


def read_bench(file: Path) -> BenchFile:
    """Read a machine's file, which may come from anybody.

    :raises UnreadableBenchError: where there is none, or it is not one of a version that is known.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(LIMIT_BYTES + 1)
    except OSError as error:
        raise UnreadableBenchError(f"{file} cannot be read: {error.strerror or error}.") from None
    if len(data) > LIMIT_BYTES:
        raise UnreadableBenchError(f"{file} is larger than {LIMIT_BYTES // 2**20} MiB: that is no bench.")
    try:
        version = msgspec.json.decode(data, type=_Head).schema_version
        if version is not None and version > BENCH_SCHEMA_VERSION:
            raise UnreadableBenchError(f"{file} was written by a newer sdprof; update this one.")
        return msgspec.json.decode(data, type=BenchFile)
    except msgspec.MsgspecError as error:
        raise UnreadableBenchError(f"{file} is not a machine's bench file ({error}); name a *{SUFFIX}.") from None


def write_bench(machine: BenchFile, file: Path) -> None:
    """Write it, whole or not at all: a full disk costs what was new, and nothing that was there.

    :raises RunFolderError: if it cannot be written.
    """
    write_whole(file, msgspec.json.format(msgspec.json.encode(machine)))


def change_bench(file: Path, change: Callable[[BenchFile | None], BenchFile]) -> BenchFile:
    """Read the file, change it and write it, while no other bench does: what another one wrote meanwhile stays.

    :param change: from what is there now, None where there is nothing.
    :raises UnreadableBenchError: if what is there is damaged.
    :raises RunFolderError: if it cannot be written.
    """
    with _alone_in(file.parent):
        changed = change(read_bench(file) if file.exists() else None)
        write_bench(changed, file)
    return changed


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Wait until no other bench writes in this folder. The system opens it again however this process ends."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be used ({error.strerror}).") from None
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def with_series(machine: BenchFile, series: Series) -> BenchFile:
    """The machine with this series at its place: where it was begun, or at the end."""
    key = (series.settings, series.started)
    kept = list(machine.series)
    for index, each in enumerate(kept):
        if (each.settings, each.started) == key:
            kept[index] = series
            break
    else:
        kept.append(series)
    return msgspec.structs.replace(machine, series=tuple(kept))


def unfinished(machine: BenchFile, wanted: Series) -> Series | None:
    """The latest series of the same settings that lacks rounds."""
    for each in reversed(machine.series):
        if each.settings == wanted.settings and each.rounds_done < wanted.rounds_wanted:
            return each
    return None
