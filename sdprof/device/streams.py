"""Streams and events of the simulated device: work is done at once, so there is nothing to queue or wait for.

Waiting is what gets recorded. ``Event.elapsed_time`` is the host's clock: the simulated device runs at the host's pace.
"""

from __future__ import annotations

import time
from typing import Any

import torch

from sdprof.device import current
from sdprof.device.ordinal import check_ordinal
from sdprof.device.tensor import DEVICE

WAIT_REASON = "the host was told to wait for the device"
FREE_REASON = "cached memory is given back by cudaFree, which waits for the device"
"""c10/cuda/CUDACachingAllocator.cpp: emptyCache, release_cached_blocks, release_block. Where nothing is cached nothing
is freed, and it does not wait; a loop that frees tensors has something cached."""


class Event:
    """Stands in for ``torch.cuda.Event``."""

    def __init__(
        self,
        enable_timing: bool = False,
        blocking: bool = False,
        interprocess: bool = False,
        external: bool = False,
        **kwargs: Any,
    ) -> None:
        self.enable_timing = enable_timing
        self.device = DEVICE
        self.cuda_event = 0
        self._seconds: float | None = None

    def record(self, stream: Stream | None = None) -> None:
        """Note the time."""
        self._seconds = time.perf_counter()

    def wait(self, stream: Stream | None = None) -> None:
        """Make a stream wait; the host does not."""

    def query(self) -> bool:
        """Whether all work is done: always."""
        return True

    def synchronize(self) -> None:
        """Make the host wait."""
        current.record("SYNC", "torch.cuda.Event.synchronize", WAIT_REASON)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds of the host's clock between two records."""
        if self._seconds is None or end_event._seconds is None:
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        if not (self.enable_timing and end_event.enable_timing):
            raise RuntimeError("Both events must be created with argument 'enable_timing=True'.")
        return 1e3 * (end_event._seconds - self._seconds)


_HostEvent = torch.Event


class _EventType(type):
    def __instancecheck__(cls, candidate: object) -> bool:
        return isinstance(candidate, (Event, _HostEvent))


class AnyEvent(metaclass=_EventType):
    """Takes the place of ``torch.Event``: the device's, unless another device is named."""

    def __new__(cls, device: Any = None, **options: Any) -> Any:
        """Make an event."""
        if device is not None and torch.device(device).type != DEVICE.type:
            return _HostEvent(device, **options)
        check_ordinal(device)
        return Event(**options)


class Stream:
    """Stands in for ``torch.cuda.Stream``."""

    def __init__(self, device: Any = None, priority: int = 0, **kwargs: Any) -> None:
        check_ordinal(device)
        self.device = DEVICE
        self.device_index = DEVICE.index
        self.priority = priority
        self.cuda_stream = 0
        self.stream_id = 0

    def synchronize(self) -> None:
        """Make the host wait."""
        current.record("SYNC", "torch.cuda.Stream.synchronize", WAIT_REASON)

    def query(self) -> bool:
        """Whether all work is done: always."""
        return True

    @staticmethod
    def priority_range() -> tuple[int, int]:
        """Least and greatest priority, as of recent GPUs."""
        return 0, -5

    def is_capturing(self) -> bool:
        """Whether a CUDA graph is being captured: never."""
        return False

    def wait_stream(self, stream: Stream) -> None:
        """Make this stream wait for another; the host does not."""

    def wait_event(self, event: Event) -> None:
        """Make this stream wait for an event; the host does not."""

    def record_event(self, event: Event | None = None) -> Event:
        """Record an event on this stream."""
        event = event or Event()
        event.record(self)
        return event

    def __enter__(self) -> Stream:
        self._context = StreamContext(self)
        self._context.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(*error)


DEFAULT_STREAM = Stream()
_current_stream = [DEFAULT_STREAM]


class StreamContext:
    """Stands in for ``torch.cuda.stream(stream)``."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        self._previous = _current_stream[0]
        if self.stream is not None:
            _current_stream[0] = self.stream

    def __exit__(self, *error: object) -> None:
        _current_stream[0] = self._previous


def current_stream(device: Any = None) -> Stream:
    """The stream that work goes to."""
    return _current_stream[0]


def default_stream(device: Any = None) -> Stream:
    """The stream that work goes to unless another is chosen."""
    return DEFAULT_STREAM


def set_stream(stream: Stream) -> None:
    """Choose the stream that work goes to."""
    _current_stream[0] = stream


def synchronize(device: torch.device | str | int | None = None) -> None:
    """Make the host wait for all work."""
    check_ordinal(device)
    current.record("SYNC", "torch.cuda.synchronize", WAIT_REASON)


def empty_cache() -> None:
    """Make the host wait: memory that is given back is freed by cudaFree, which waits for the device."""
    current.record("SYNC", "torch.cuda.empty_cache", FREE_REASON)
