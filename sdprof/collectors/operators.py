"""Take a census of the operators that each expression of the user dispatches inside the loop."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from sdprof.collectors.autograd_calls import heard_without_grad
from sdprof.collectors.composite_operators import is_composite, operator_name
from sdprof.collectors.loop_watch import LoopWatch, Sight
from sdprof.collectors.made_again import MadeAgain, Making, OperatorCall, of_both
from sdprof.collectors.module_stack import ModuleStack, names_of
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.model import CollectorMeta, Location, OperatorCensus, OperatorSite, Scope

META = CollectorMeta(
    id="operators",
    title="Operators dispatched by each expression in the loop",
    artifact="operators.json",
    eager_only=True,
)

NO_USER_CODE = Location(file="", line=0)
"""Stands for the expression where none of the user's was running, as in a thread of a library."""


@dataclass(slots=True)
class _Tally:
    """What one operator did at one place."""

    op: str
    where: Location
    library: tuple[Location, ...]
    module_class: str
    module_name: str
    scope: Scope
    making: Making = field(default_factory=Making)
    calls: int = 0
    output_bytes: int = 0
    largest_output_bytes: int = 0
    largest_result_bytes: int = -1
    input_shapes: tuple[tuple[int, ...], ...] = ()
    input_dtypes: tuple[str, ...] = ()
    output_dtype: str = ""


class _Census(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Sees each operator below autograd and autocast: the casts that autocast adds are operators like all others."""

    supports_higher_order_operators = True

    def __init__(self, watch: LoopWatch, modules: ModuleStack, names: dict[torch.nn.Module, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.tallies: dict[tuple[Any, ...], _Tally] = {}
        self._watch = watch
        self._modules = modules
        self._names = names
        self._made_again = MadeAgain()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if is_composite(func):
            with self:
                return func.decompose(*args, **kwargs)
        output = func(*args, **kwargs)
        sight, name = self._watch.look(), operator_name(func)
        tally = self._tally(func, name, sight)
        call = OperatorCall.of(func, args, kwargs, output)
        self._count(tally, call)
        self._made_again.see(tally.making, name, call, sight.step)
        return output

    def hear_autograd(self, name: str) -> None:
        """Count a call of an autograd function, under a name of its own kind."""
        self._tally(name, f"autograd::{name}", self._watch.look()).calls += 1

    def _tally(self, operator: Any, name: str, sight: Sight) -> _Tally:
        """What is kept of an operator at the running expression, in the loop or outside of it."""
        module = self._modules.innermost
        # The watch hands out the same objects for the same instructions, and keeps them.
        key = (operator, id(sight.where), id(sight.library), type(module), sight.scope)
        tally = self.tallies.get(key)
        if tally is None:
            tally = self.tallies[key] = _Tally(
                op=name,
                where=sight.where or NO_USER_CODE,
                library=sight.library,
                module_class="" if module is None else type(module).__qualname__,
                module_name="" if module is None else self._names.get(module, ""),
                scope=sight.scope,
            )
        return tally

    def _count(self, tally: _Tally, call: OperatorCall) -> None:
        new_bytes = sum(map(_bytes, call.made))
        result_bytes = sum(map(_bytes, call.outputs))
        if call.outputs and not tally.output_dtype:
            tally.output_dtype = _dtype(call.outputs[0])
        tally.calls += 1
        tally.output_bytes += new_bytes
        tally.largest_output_bytes = max(tally.largest_output_bytes, new_bytes)
        if result_bytes > tally.largest_result_bytes:
            tally.largest_result_bytes = result_bytes
            tally.input_shapes = tuple(tuple(tensor.shape) for tensor in call.inputs)
            tally.input_dtypes = tuple(_dtype(tensor) for tensor in call.inputs)


def collect(watched: WatchedRun) -> OperatorCensus:
    """Run once under a dispatch mode; what the target itself compiled runs eagerly, for a mode cannot see into it.

    :raises CannotCollectError: if the loop runs where the mode does not see it, in another thread.
    """
    modules = ModuleStack()
    with LoopWatch(watched) as watch, modules:
        census = _Census(watch, modules, names_of(watched.hot_modules))
        with torch.compiler.set_stance("force_eager"), heard_without_grad(census.hear_autograd), census:
            watch.run()
        steps = watch.steps
    if watch.steps_begun and not any(tally.scope == "in_loop" for tally in census.tallies.values()):
        raise CannotCollectError(
            "The hot module was called, but no operator was seen: the loop runs in another thread.",
            "Run the loop in the thread that calls Workload.run.",
        )
    sites, outside = (
        tuple(_sites((tally for tally in census.tallies.values() if (tally.scope == "in_loop") is in_loop), steps))
        for in_loop in (True, False)
    )
    return OperatorCensus(
        steps=steps,
        operators=sum(site.calls for site in sites),
        sites=sites,
        outside=outside,
        contents_known=True,
    )


def _sites(tallies: Iterable[_Tally], steps: int) -> Iterator[OperatorSite]:
    """One site for all ways that led to the same expression, the largest part of memory first."""
    merged: dict[tuple[Any, ...], _Tally] = {}
    for tally in tallies:
        key = (tally.op, tally.where, tally.library, tally.module_class, tally.scope)
        first = merged.setdefault(key, tally)
        if first is tally:
            continue
        first.making = of_both(first.making, tally.making)
        first.calls += tally.calls
        first.output_bytes += tally.output_bytes
        first.largest_output_bytes = max(first.largest_output_bytes, tally.largest_output_bytes)
        if tally.largest_result_bytes > first.largest_result_bytes:
            first.largest_result_bytes = tally.largest_result_bytes
            first.input_shapes, first.input_dtypes = tally.input_shapes, tally.input_dtypes
            first.output_dtype = tally.output_dtype
    for tally in sorted(merged.values(), key=lambda tally: -tally.output_bytes):
        yield OperatorSite(
            op=tally.op,
            where=tally.where,
            library=tally.library,
            module_class=tally.module_class,
            module_name=tally.module_name,
            calls=tally.calls,
            scope=tally.scope,
            calls_per_step=tally.calls / steps if tally.scope == "in_loop" else 0.0,
            input_shapes=tally.input_shapes,
            input_dtypes=tally.input_dtypes,
            output_dtype=tally.output_dtype,
            output_bytes=tally.output_bytes,
            largest_output_bytes=tally.largest_output_bytes,
            identical_content=tally.making.is_repeated,
            same_tensors=tally.making.is_repeated and tally.making.same_tensors,
        )


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def _dtype(tensor: torch.Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
