"""Keeps the events of a simulated run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from sdprof.device.content import digest
from sdprof.device.event import TransferEvent, TransferKind
from sdprof.device.expression import RawFrames, explain, running_frames

_Site = tuple[str, str, RawFrames]


class _Visits:
    """What one expression moved: so far in this step, and in the step before that it was visited in."""

    __slots__ = ("before", "in_several_steps", "last", "now", "step")

    def __init__(self, step: int) -> None:
        self.step = step
        self.last: bytes | None = None
        self.now: list[bytes] = []
        self.before: list[bytes] = []
        self.in_several_steps = False

    def compare(self, step: int, content: bytes) -> tuple[bool | None, bool | None]:
        """Whether the last visit moved the same, and whether the visit of the same rank in the step before did.

        One expression may move many tensors a step (``{k: v.to("cuda") for k, v in condition.items()}``): each is to
        be compared with itself.
        """
        same_as_last = None if self.last is None else self.last == content
        self.last = content
        if step < 0:
            return same_as_last, same_as_last
        if step != self.step and self.now:
            self.before, self.now, self.in_several_steps = self.now, [], True
        self.step = step
        rank = len(self.now)
        self.now.append(content)
        return same_as_last, self.before[rank] == content if rank < len(self.before) else None


_Entry = tuple[
    TransferKind,
    str,
    str,
    int,
    int,
    bool,
    bool,
    tuple[bool | None, bool | None],
    _Visits | None,
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
        self._visits: dict[_Site, _Visits] = {}
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
        same: tuple[bool | None, bool | None] = (None, None)
        visits: _Visits | None = None
        shape: tuple[int, ...] = ()
        dtype: torch.dtype | None = None
        if content is not None:
            shape, dtype = content.shape, content.dtype
            found = digest(content)
            if found is not None:
                site = (kind, operator, frames)
                visits = self._visits.get(site)
                if visits is None:
                    visits = self._visits[site] = _Visits(self.step)
                same = visits.compare(self.step, found)
        self._entries.append(
            (kind, operator, reason, size, self.step, pinned, non_blocking, same, visits, shape, dtype, frames)
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
                same_content=same[visits is not None and visits.in_several_steps],
                shape=tuple(shape),
                dtype="" if dtype is None else str(dtype).removeprefix("torch."),
                frames=explain(frames),
            )
            for (
                kind,
                operator,
                reason,
                size,
                step,
                pinned,
                non_blocking,
                same,
                visits,
                shape,
                dtype,
                frames,
            ) in self._entries
        ]
