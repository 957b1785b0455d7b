"""How much of a stranger's file is read before it is refused."""

from __future__ import annotations

from dataclasses import dataclass

MEBIBYTE = 1 << 20
GIBIBYTE = 1 << 30


@dataclass(frozen=True, kw_only=True)
class ReadLimits:
    """Bounds that keep a hostile or broken file from taking the machine's memory."""

    unpacked_bytes: int = 4 * GIBIBYTE
    """Largest trace, unpacked."""
    expansion: int = 300
    """Largest ratio of unpacked to packed bytes, looked at from ``expansion_from_bytes`` on. Kineto traces pack 15 to
    30 fold; DEFLATE reaches 1032 at most (zlib.net, "maximum compression factor"), which only padding does."""
    expansion_from_bytes: int = 256 * MEBIBYTE
    outside_events_bytes: int = 64 * MEBIBYTE
    """Largest metadata before or after the list of events."""
    event_bytes: int = 64 * MEBIBYTE
    """Largest single event."""
    chunk_bytes: int = MEBIBYTE
    """Read and decoded at once: the part of the file that is in memory. What is made of a larger one does not fit into
    the processor's cache."""
