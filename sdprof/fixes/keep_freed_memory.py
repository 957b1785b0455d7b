"""Let the C library keep freed memory instead of giving it back to the system."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="keep-freed-memory",
    title="Keep freed memory in the process",
    kind="runtime",
    numerics="exact",
    devices=("cpu",),
    removes=("memory-returned",),
    order=5,
)
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of mallopt(3), from glibc's malloc.h."""
NEVER, NONE = -1, 0
ENVIRONMENT = "MALLOC_MMAP_MAX_=0 MALLOC_TRIM_THRESHOLD_=1099511627776"
"""The same from the start of a process (mallopt(3)): a terabyte is never free at the top of the heap."""


def apply(subject: Subject) -> tuple[str, ...]:
    """Serve every buffer from the heap, and never trim it: for the whole process, from now on."""
    if subject.device.type != "cpu":
        raise DeclinedError("The loop's tensors are not in the host's memory")
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        raise DeclinedError("This C library has no mallopt: preload an allocator such as jemalloc instead")
    if not (mallopt(M_MMAP_MAX, NONE) and mallopt(M_TRIM_THRESHOLD, NEVER)):
        raise DeclinedError("The C library refused to keep freed memory: preload an allocator such as jemalloc instead")
    return (
        f"glibc serves every buffer from its heap and never trims it; outside of sdprof, set {ENVIRONMENT} for the "
        "process.",
    )
