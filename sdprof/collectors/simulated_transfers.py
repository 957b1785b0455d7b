"""Transfers on the simulated device: it sees every one of them, and their content."""

from __future__ import annotations

from typing import Any

from sdprof.collectors.host_origins import HostOrigin, HostOrigins, origin_of
from sdprof.collectors.loop_watch import LoopWatch, Sight
from sdprof.collectors.operator_clock import OperatorClock
from sdprof.collectors.transfer_event import FirstVisits, SeenTransfer
from sdprof.device import Recorder, TransferKind, current
from sdprof.model import SeenFrame

NOTE = (
    "Seen on the simulated device: values are computed by CPU kernels, copies and waits follow PyTorch's rules for "
    "CUDA. No GPU has confirmed these counts."
)


class _SightRecorder(Recorder):
    """Takes down where the loop is with every event."""

    def __init__(self, watch: LoopWatch, clock: OperatorClock) -> None:
        super().__init__()
        self.sights: list[Sight] = []
        self.readings: list[int] = []
        self.stacks: list[tuple[SeenFrame, ...]] = []
        self.origins: list[HostOrigin | None] = []
        self._watch = watch
        self._clock = clock
        self._first_visits = FirstVisits(watch)

    def add(self, kind: TransferKind, operator: str, *args: Any, **kwargs: Any) -> None:
        before = self.count
        sight = self._watch.look()
        self.step = -1 if sight.step is None else sight.step
        super().add(kind, operator, *args, **kwargs)
        if self.count > before:
            self.sights.append(sight)
            self.readings.append(self._clock.now)
            self.stacks.append(self._first_visits.stack(kind, operator, sight))
            moved = kwargs.get("content", args[2] if len(args) > 2 else None)
            origin = origin_of(moved) if kind == "H2D" and moved is not None else None
            self.origins.append(origin if origin is not None and origin.step == sight.step else None)


def watch_simulated(watch: LoopWatch, clock: OperatorClock) -> tuple[list[SeenTransfer], tuple[str, ...]]:
    """Run once; every event of the simulated device, with where the loop was."""
    recorder = _SightRecorder(watch, clock)
    with current.redirected(recorder.add), HostOrigins(watch), clock:
        watch.run()
    seen = [
        SeenTransfer(
            kind=event.kind,
            operator=event.operator,
            bytes=event.bytes,
            sight=sight,
            pinned=event.pinned,
            non_blocking=event.non_blocking,
            same_content=event.same_content,
            stack=stack,
            dtype=event.dtype,
            shape=event.shape if event.dtype else None,
            at=at,
            origin=origin,
        )
        for event, sight, at, stack, origin in zip(
            recorder.events, recorder.sights, recorder.readings, recorder.stacks, recorder.origins, strict=True
        )
    ]
    return seen, (NOTE,)
