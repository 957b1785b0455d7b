"""Transfers on a CUDA device: copies from a dispatch mode, waits from PyTorch's sync debug mode, both cross-checked.

Not yet run on hardware: docs/limits.md says what has been checked instead.
"""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sdprof.collectors.composite_operators import is_composite, operator_name
from sdprof.collectors.host_origins import HostOrigins, origin_of
from sdprof.collectors.loop_watch import LoopWatch
from sdprof.collectors.operator_clock import OperatorClock
from sdprof.collectors.tensors_within import tensors_within
from sdprof.collectors.transfer_event import FirstVisits, SeenTransfer
from sdprof.device.event import TransferKind

SYNC_WARNING = "called a synchronizing CUDA operation"
"""Text of the warning of ``torch.cuda.set_sync_debug_mode("warn")``."""
WAIT = "cuda synchronisation"
"""What a wait is called that is known from that warning: it does not say which operator waited."""


class _Copies(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Hears operators whose input and output lie on different devices."""

    supports_higher_order_operators = True

    def __init__(self, watch: LoopWatch, clock: OperatorClock) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: list[SeenTransfer] = []
        self._watch = watch
        self._clock = clock
        self._first_visits = FirstVisits(watch)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        copied = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
        source = args[1] if func is torch.ops.aten.copy_.default else args[0] if args else None
        output = func(*args, **kwargs)
        if copied and isinstance(source, torch.Tensor):
            result = next(iter(tensors_within(output)))
            if source.is_cuda != result.is_cuda:
                kind: TransferKind = "H2D" if result.is_cuda else "D2H"
                sight = self._watch.look()
                origin = origin_of(source) if result.is_cuda else None
                self.seen.append(
                    SeenTransfer(
                        kind=kind,
                        operator=operator_name(func),
                        bytes=source.numel() * source.element_size(),
                        sight=sight,
                        stack=self._first_visits.stack(kind, operator_name(func), sight),
                        dtype=str(source.dtype).removeprefix("torch."),
                        shape=tuple(source.shape),
                        pinned=bool((result if source.is_cuda else source).is_pinned()),
                        non_blocking=bool(kwargs.get("non_blocking", False)),
                        at=self._clock.now,
                        origin=origin if origin is not None and origin.step == sight.step else None,
                    )
                )
        return output


def watch_cuda(watch: LoopWatch, clock: OperatorClock) -> tuple[list[SeenTransfer], tuple[str, ...]]:
    """Run once; copies as operators, waits as sync debug mode warns of them."""
    waits: list[SeenTransfer] = []
    first_visits = FirstVisits(watch)

    def hear(message: Any, category: Any, *args: Any, **kwargs: Any) -> None:
        if SYNC_WARNING in str(message):
            sight = watch.look()
            stack = first_visits.stack("SYNC", WAIT, sight)
            waits.append(SeenTransfer(kind="SYNC", operator=WAIT, bytes=0, sight=sight, stack=stack, at=clock.now))

    mode = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = hear
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with torch.compiler.set_stance("force_eager"), HostOrigins(watch), clock, _Copies(watch, clock) as copies:
                watch.run()
        finally:
            torch.cuda.set_sync_debug_mode(mode)
    return [*copies.seen, *_without_copies(waits, copies.seen)], _cross_check(waits, copies.seen)


def _without_copies(waits: list[SeenTransfer], copies: list[SeenTransfer]) -> list[SeenTransfer]:
    """A pageable copy waits too: one event, not two."""
    copied_at = {event.sight.where for event in copies}
    return [wait for wait in waits if wait.sight.where not in copied_at]


def _cross_check(waits: list[SeenTransfer], copies: list[SeenTransfer]) -> tuple[str, ...]:
    waited_at = {event.sight.where for event in waits}
    silent = [
        event
        for event in copies
        if event.kind == "D2H" and not event.non_blocking and event.sight.where not in waited_at
    ]
    if not silent:
        return ()
    return (f"{len(silent)} copies to the host were seen as operators, and sync debug mode did not warn of them.",)
