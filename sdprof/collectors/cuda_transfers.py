"""Transfers on a CUDA device: copies from a dispatch mode, waits from PyTorch's sync debug mode, both cross-checked.

Not yet run on hardware: docs/limits.md says what has been checked instead.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sdprof.collectors.composite_operators import is_composite, operator_name
from sdprof.collectors.host_origins import HostOrigins, origin_of
from sdprof.collectors.loop_watch import LoopWatch
from sdprof.collectors.operator_clock import OperatorClock
from sdprof.collectors.tensors_within import tensors_within
from sdprof.collectors.transfer_event import FirstVisits, SeenTransfer
from sdprof.device.bus import crossing
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
        into = func is torch.ops.aten.copy_.default
        copied = into or func is torch.ops.aten._to_copy.default
        source = args[1] if into else args[0] if args else None
        output = func(*args, **kwargs)
        if copied and isinstance(source, torch.Tensor):
            result = next(iter(tensors_within(output)))
            if source.is_cuda != result.is_cuda:
                non_blocking = bool(kwargs.get("non_blocking", into and len(args) > 2 and args[2]))
                self._take_down(operator_name(func), source, result, non_blocking)
        return output

    def _take_down(self, operator: str, source: torch.Tensor, result: torch.Tensor, non_blocking: bool) -> None:
        kind: TransferKind = "H2D" if result.is_cuda else "D2H"
        moved = crossing(source, result, to_device=result.is_cuda, non_blocking=non_blocking)
        if not moved.bytes:
            return
        sight = self._watch.look()
        origin = origin_of(source) if result.is_cuda else None
        self.seen.append(
            SeenTransfer(
                kind=kind,
                operator=operator,
                bytes=moved.bytes,
                sight=sight,
                stack=self._first_visits.stack(kind, operator, sight),
                dtype=str(source.dtype).removeprefix("torch."),
                shape=tuple(source.shape),
                pinned=moved.own_memory and bool((source if result.is_cuda else result).is_pinned()),
                non_blocking=non_blocking,
                at=self._clock.now,
                origin=origin if origin is not None and origin.step == sight.step else None,
            )
        )


def watch_cuda(watch: LoopWatch, clock: OperatorClock) -> tuple[list[SeenTransfer], tuple[str, ...]]:
    """Run once; copies as operators, waits as sync debug mode warns of them."""
    waits: list[SeenTransfer] = []
    first_visits = FirstVisits(watch)

    def hear() -> None:
        sight = watch.look()
        stack = first_visits.stack("SYNC", WAIT, sight)
        waits.append(SeenTransfer(kind="SYNC", operator=WAIT, bytes=0, sight=sight, stack=stack, at=clock.now))

    with (
        _sync_warnings(hear),
        _lifting_host_tensors_only(),
        torch.compiler.set_stance("force_eager"),
        HostOrigins(watch),
        clock,
        _Copies(watch, clock) as copies,
    ):
        watch.run()
    return [*copies.seen, *_without_copies(waits, copies.seen)], _cross_check(waits, copies.seen)


@contextmanager
def _sync_warnings(hear: Callable[[], None]) -> Iterator[None]:
    """Have PyTorch warn of every wait, and ``hear`` called for each; the user's own warnings go where they went."""
    mode = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("warn")
    try:
        with _warnings_heard(hear):
            yield
    finally:
        torch.cuda.set_sync_debug_mode(mode)


@contextmanager
def _warnings_heard(hear: Callable[[], None]) -> Iterator[None]:
    """Call ``hear`` for each warning of a wait, also for those of a place that warned before."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def sort(message: Any, category: Any, *args: Any, **kwargs: Any) -> None:
            if SYNC_WARNING in str(message):
                hear()
            else:
                show(message, category, *args, **kwargs)

        warnings.filterwarnings("always", message=f".*{SYNC_WARNING}")
        warnings.showwarning = sort
        yield


@contextmanager
def _lifting_host_tensors_only() -> Iterator[None]:
    """Have ``torch.tensor([…], device="cuda")`` copy where modes see it: otherwise it does so with modes disabled."""
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)
    try:
        yield
    finally:
        torch._C._set_only_lift_cpu_tensors(before)


def _without_copies(waits: list[SeenTransfer], copies: list[SeenTransfer]) -> list[SeenTransfer]:
    """A copy that blocks waits too: one event, not two. What else waits at the same expression stays.

    One that does not block is not warned of (Copy.cu: memcpy_and_sync is for blocking copies alone).
    """
    copied = Counter(event.sight.where for event in copies if not event.non_blocking)
    kept = []
    for wait in waits:
        if copied[wait.sight.where]:
            copied[wait.sight.where] -= 1
        else:
            kept.append(wait)
    return kept


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
