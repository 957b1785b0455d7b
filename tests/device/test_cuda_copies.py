"""The CUDA collector's copies, tried on the simulated device: they are those that the device records itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import torch

from sdprof.collectors.cuda_transfers import _Copies
from sdprof.collectors.loop_watch import LoopWatch, Sight
from sdprof.collectors.operator_clock import OperatorClock
from sdprof.device import Simulation


def test_copies_are_those_that_the_device_records(device: Simulation) -> None:
    watch: Any = SimpleNamespace(look=lambda: Sight(where=None, library=(), callers=(), step=0), stack=lambda: ())
    host = torch.ones(4, 6, dtype=torch.float64)
    pinned = host.clone().pin_memory()
    into = torch.empty(4, 6, device="cuda")
    with torch.no_grad(), _Copies(cast(LoopWatch, watch), cast(OperatorClock, SimpleNamespace(now=0))) as copies:
        host.to("cuda")
        pinned.to("cuda", torch.float16)
        pinned.to("cuda", torch.float16, non_blocking=True)
        into.copy_(pinned, non_blocking=True)
        into.copy_(pinned[0])
        into.to("cpu", torch.float16, non_blocking=True)
        into.cpu()
        pinned.copy_(into)
        torch.tensor([1.0, 2.0], device="cuda")

    def told(event: Any) -> tuple[str, int, bool, bool]:
        return event.kind, event.bytes, event.pinned, event.non_blocking

    assert [told(each) for each in copies.seen] == [told(each) for each in device.events]
    assert len(copies.seen) == 9
