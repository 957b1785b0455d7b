"""Profile every module below the hot modules: time in one run; FLOPs, inputs and callers in another.

Counting takes time, so the seconds come from a run in which nothing is counted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sdprof.collectors.composite_operators import is_composite
from sdprof.collectors.content_digest import ContentDigest
from sdprof.collectors.flops import flops_of
from sdprof.collectors.loop_watch import LoopWatch
from sdprof.collectors.module_stack import names_of
from sdprof.collectors.tensors_within import tensors_within
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.model import CollectorMeta, Location, ModuleCalls, ModuleProfile

META = CollectorMeta(id="modules", title="Time and FLOPs of each module", artifact="modules.json", eager_only=True)


@dataclass(slots=True)
class _Counts:
    """What the counting run saw of one module."""

    calls: int = 0
    flops: int = 0
    computing: set[int] = field(default_factory=set)
    """Calls, by their number, in which an operator with FLOPs ran."""
    output_bytes: int = 0
    inputs: set[bytes] = field(default_factory=set)
    where: Location | None = None


class _Calls:
    """Nested calls of named modules inside the loop. Whether they are in the loop is decided at the outermost."""

    def __init__(self, watch: LoopWatch) -> None:
        self.running: list[torch.nn.Module] = []
        self.counted: list[bool] = []
        self._watch = watch

    def enter(self, module: torch.nn.Module) -> bool:
        counted = self.counted[-1] if self.counted else self._watch.look().in_loop
        self.running.append(module)
        self.counted.append(counted)
        return counted

    def leave(self, module: torch.nn.Module) -> bool:
        """Whether the call that ends was counted; calls that an exception ended are dropped on the way."""
        while self.running:
            counted = self.counted.pop()
            if self.running.pop() is module:
                return counted
        return False


class _FlopCount(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds each operator's FLOPs to all modules that are running."""

    supports_higher_order_operators = True

    def __init__(self, calls: _Calls, counts: Mapping[torch.nn.Module, _Counts]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.operators = 0
        self._calls = calls
        self._counts = counts

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        output = func(*args, **kwargs)
        self.operators += 1
        if self._calls.counted and self._calls.counted[-1]:
            flops = flops_of(func, args, kwargs, output)
            if flops:
                for module in set(self._calls.running):
                    counted = self._counts[module]
                    counted.flops += flops
                    counted.computing.add(counted.calls)
        return output


def collect(watched: WatchedRun) -> ModuleProfile:
    """Run twice: timed, then counted.

    :raises CannotCollectError: if the loop runs where its operators cannot be counted, in another thread.
    """
    names = names_of(watched.hot_modules)
    seconds, run_seconds, steps = _timing_run(watched, names)
    counts = _counting_run(watched, names)
    return ModuleProfile(
        steps=steps,
        run_seconds=run_seconds,
        synchronised=watched.device.type == "cuda",
        modules=tuple(
            ModuleCalls(
                name=name,
                class_name=type(module).__qualname__,
                calls=counted.calls,
                seconds=seconds[module],
                flops=counted.flops,
                parameters=sum(parameter.numel() for parameter in module.parameters()),
                leaf=next(module.children(), None) is None,
                distinct_inputs=len(counted.inputs),
                computing_calls=len(counted.computing),
                output_bytes=counted.output_bytes,
                where=counted.where,
            )
            for module, name in names.items()
            if (counted := counts[module]).calls
        ),
    )


def _timing_run(
    watched: WatchedRun, names: Mapping[torch.nn.Module, str]
) -> tuple[dict[torch.nn.Module, float], float, int]:
    """Seconds of each module, of the whole run, and the number of steps."""
    seconds = dict.fromkeys(names, 0.0)
    started: list[float] = []
    now = _clock(watched.device)
    with LoopWatch(watched) as watch:
        calls = _Calls(watch)

        def enter(module: torch.nn.Module, _args: Any, _kwargs: Any) -> None:
            calls.enter(module)
            del started[len(calls.running) - 1 :]
            started.append(now())

        def leave(module: torch.nn.Module, _args: Any, _kwargs: Any, _output: Any) -> None:
            ended = now()
            # A module that runs inside itself is timed once, by its outer call.
            if calls.leave(module) and module not in calls.running:
                seconds[module] += ended - started[len(calls.running)]

        with _hooks(names, enter, leave):
            began = now()
            watch.run()
            run_seconds = now() - began
        return seconds, run_seconds, watch.steps


def _counting_run(watched: WatchedRun, names: Mapping[torch.nn.Module, str]) -> dict[torch.nn.Module, _Counts]:
    counts = {module: _Counts() for module in names}
    digest = ContentDigest()
    with LoopWatch(watched) as watch:
        calls = _Calls(watch)

        def enter(module: torch.nn.Module, args: Any, kwargs: Any) -> None:
            if not calls.running:
                digest.forget()
            if calls.enter(module):
                counted = counts[module]
                counted.calls += 1
                counted.inputs.add(digest((args, kwargs)))
                if counted.where is None:
                    counted.where = watch.look().where

        def leave(module: torch.nn.Module, _args: Any, _kwargs: Any, output: Any) -> None:
            if calls.leave(module):
                counts[module].output_bytes += sum(
                    tensor.numel() * tensor.element_size() for tensor in tensors_within(output)
                )

        # A mode cannot see into what the target itself compiled.
        eager = torch.compiler.set_stance("force_eager")
        with eager, _hooks(names, enter, leave), _FlopCount(calls, counts) as flop_count:
            watch.run()
    if watch.steps_begun and not flop_count.operators:
        raise CannotCollectError(
            "The hot module was called, but no operator was seen: the loop runs in another thread.",
            "Run the loop in the thread that calls Workload.run.",
        )
    return counts


@contextmanager
def _hooks(
    modules: Mapping[torch.nn.Module, str], enter: Callable[..., None], leave: Callable[..., None]
) -> Iterator[None]:
    handles: list[Any] = []
    try:
        for module in modules:
            handles.append(module.register_forward_pre_hook(enter, with_kwargs=True))
            handles.append(module.register_forward_hook(leave, with_kwargs=True))
        yield
    finally:
        for handle in handles:
            handle.remove()


def _clock(device: torch.device) -> Callable[[], float]:
    """Seconds now; on CUDA after everything that was launched has ended."""
    if device.type != "cuda":
        return time.perf_counter

    def after_synchronising() -> float:
        torch.cuda.synchronize(device)
        return time.perf_counter()

    return after_synchronising
