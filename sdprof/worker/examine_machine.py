"""What the machine itself has to offer: memory, disk, and quiet."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

import psutil

from sdprof.worker.protocol import Check

FULL_SIZE_MEMORY_BYTES = 20 * 2**30
"""Most that an audit of the 866 million parameters of Stable Diffusion's UNet takes on the CPU."""
SMALL_MEMORY_BYTES = 4 * 2**30
FULL_SIZE_DISK_BYTES = 6 * 2**30
"""The shared file with the weights of that UNet in fp32 (3.5 GB) and its traces."""
SMALL_DISK_BYTES = 2**30
BUSY_SECONDS = 0.5
BUSY_CORES = 0.5
"""More of other programs than this shows in the rounds of a comparison."""
CGROUP = Path("/sys/fs/cgroup")


def memory() -> Check:
    """What an audit may take before something is killed."""
    free = min(psutil.virtual_memory().available, _cgroup_room(CGROUP) or 2**63)
    finding = f"{free / 2**30:.1f} GiB of memory are free"
    if free < SMALL_MEMORY_BYTES:
        return Check(
            name="memory",
            ok=False,
            finding=f"{finding}, which may be too little for any size but tiny.",
            remedy="End other programs, or audit with --size tiny.",
        )
    if free < FULL_SIZE_MEMORY_BYTES:
        return Check(
            name="memory",
            ok=True,
            finding=f"{finding}: enough but for the full size on the CPU, which wants 20 GiB.",
            remedy="For the full size, free more, or audit it on a GPU.",
        )
    return Check(name="memory", ok=True, finding=f"{finding}, enough for the full size on the CPU.")


def disk() -> Check:
    """Room where reports land by default, and whether anything can be written there."""
    here = Path.cwd()
    try:
        with tempfile.TemporaryFile(dir=here) as file:
            file.write(b"sdprof")
            file.flush()
    except OSError as error:
        return Check(
            name="disk",
            ok=False,
            finding=f"Nothing can be written in {here} ({error.strerror}), where reports land by default.",
            remedy="Go to a folder of your own, or name one with --out.",
        )
    free = shutil.disk_usage(here).free
    finding = f"{free / 2**30:.1f} GiB are free in {here}"
    if free < SMALL_DISK_BYTES:
        return Check(
            name="disk",
            ok=False,
            finding=f"{finding}, which may be too little for traces and shared weights.",
            remedy="Free at least 1 GiB, or name another disk with --out.",
        )
    if free < FULL_SIZE_DISK_BYTES:
        return Check(
            name="disk",
            ok=True,
            finding=f"{finding}: enough but for the full size, which wants 6 GiB while it runs.",
            remedy="For the full size, name another disk with --out.",
        )
    return Check(name="disk", ok=True, finding=f"{finding}.")


def load() -> Check:
    """How many cores others keep busy, watched while this process sleeps."""
    cores = os.cpu_count() or 1
    busy = psutil.cpu_percent(BUSY_SECONDS) / 100 * cores
    finding = f"Other programs keep {busy:.1f} of {cores} cores busy"
    if busy > BUSY_CORES:
        return Check(
            name="load",
            ok=False,
            optional=True,
            finding=f"{finding}, so small gains will be lost in the noise.",
            remedy="End them, or give the comparison more time with --budget.",
        )
    return Check(name="load", ok=True, finding=f"{finding}.")


def _cgroup_room(folder: Path) -> int | None:
    """Bytes that a container may still take (cgroup v2), file cache counted as free; None where nothing limits it."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        statistics = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return None
    return None if limit == "max" else max(0, int(limit) - used + int(statistics.get("inactive_file", 0)))
