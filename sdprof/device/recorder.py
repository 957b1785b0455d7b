"""Keeps the events of a simulated run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sdprof.device.content import digest
from sdprof.device.event import TransferEvent, TransferKind
from sdprof.device.expression import RawFrames, explain, running_frames

_Site = tuple[str, str, RawFrames]
_Entry = tuple[
    TransferKind,
    str,
    str,
    int,
    int,
    bool,
    bool,
    bool | None,
    tuple[int, ...],
    torch.dtype | None,
    RawFrames,
]


class Recorder:
    """Takes events down while the loop runs; explains them when they are asked for.

    Explaining a frame costs far more than keeping it, and most events share their frames with the last step's.
    """

    def __init__(self) -> None:
        self.step = -1
        """Set it at the start of each step; every event carries the value of its moment."""
        self._entries: list[_Entry] = []
        self._last_content: dict[_Site, bytes] = {}
        self._paused = 0

    def add(
        self,
        kind: TransferKind,
        operator: str,
        reason: str,
        size: int = 0,
        content: torch.Tensor | None = None,
        pinned: bool = False,
        non_blocking: bool = False,
    ) -> None:
        """Record an event of ``size`` bytes at the expression that is running.

        :param content: the host's view of what was moved, for comparison with the last visit.
        """
        if self._paused:
            return
        frames = running_frames()
        same: bool | None = None
        shape: tuple[int, ...] = ()
        dtype: torch.dtype | None = None
        if content is not None:
            shape, dtype = content.shape, content.dtype
            found = digest(content)
            if found is not None:
                site = (kind, operator, frames)
                last = self._last_content.get(site)
                same = None if last is None else last == found
                self._last_content[site] = found
        self._entries.append(
            (kind, operator, reason, size, self.step, pinned, non_blocking, same, shape, dtype, frames)
        )

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Record nothing inside: for a harness that looks at tensors itself."""
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1

    @property
    def count(self) -> int:
        """How many events there are."""
        return len(self._entries)

    @property
    def events(self) -> list[TransferEvent]:
        """All events so far, in the order in which they happened."""
        return [
            TransferEvent(
                kind=kind,
                operator=operator,
                bytes=size,
                reason=reason,
                step=step,
                pinned=pinned,
                non_blocking=non_blocking,
                same_content=same,
                shape=tuple(shape),
                dtype="" if dtype is None else str(dtype).removeprefix("torch."),
                frames=explain(frames),
            )
            for kind, operator, reason, size, step, pinned, non_blocking, same, shape, dtype, frames in self._entries
        ]
