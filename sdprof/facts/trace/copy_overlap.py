"""How much of the copying was hidden behind computing."""

from __future__ import annotations

import msgspec

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.device_events import COPY, KERNEL
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class CopyOverlap(msgspec.Struct, frozen=True, kw_only=True):
    """Time of copies, and how much of it had a kernel running beside it."""

    copy_us: float
    """Union of the copies' intervals."""
    overlapped_us: float
    overlapped_share: float | None
    """None without copies."""


def copy_overlap(analysis: Analysis) -> CopyOverlap:
    """Over all GPUs and streams."""
    copying, computing = analysis.device.busy(COPY), analysis.device.busy(KERNEL)
    hidden = computing.overlap(copying)
    return CopyOverlap(
        copy_us=copying.total / NS,
        overlapped_us=hidden / NS,
        overlapped_share=hidden / copying.total if copying.total else None,
    )
