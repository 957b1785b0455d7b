"""Transfers on the simulated device: it sees every one of them, and their content."""

from __future__ import annotations

from typing import Any

from sdprof.collectors.loop_watch import LoopWatch, Sight
from sdprof.collectors.transfer_event import SeenTransfer
from sdprof.device import Recorder, current

NOTE = (
    "Seen on the simulated device: values are computed by CPU kernels, copies and waits follow PyTorch's rules for "
    "CUDA. No GPU has confirmed these counts."
)


class _SightRecorder(Recorder):
    """Takes down where the loop is with every event."""

    def __init__(self, watch: LoopWatch) -> None:
        super().__init__()
        self.sights: list[Sight] = []
        self._watch = watch

    def add(self, *args: Any, **kwargs: Any) -> None:
        before = self.count
        super().add(*args, **kwargs)
        if self.count > before:
            self.sights.append(self._watch.look())


def watch_simulated(watch: LoopWatch) -> tuple[list[SeenTransfer], tuple[str, ...]]:
    """Run once; every event of the simulated device, with where the loop was."""
    recorder = _SightRecorder(watch)
    with current.redirected(recorder.add):
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
        )
        for event, sight in zip(recorder.events, recorder.sights, strict=True)
    ]
    return seen, (NOTE,)
