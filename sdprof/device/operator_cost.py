"""What an operator costs a GPU at least: operations on matrix units, and bytes of memory read and written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec
from torch import Tensor
from torch.utils.flop_counter import flop_registry, sdpa_flop_count

from sdprof.device.gpu_peaks import GpuPeaks
from sdprof.device.operator_plan import OperatorPlan

MOVES_NOTHING = frozenset(
    {
        "aten::empty",
        "aten::empty_like",
        "aten::empty_strided",
        "aten::new_empty",
        "aten::new_empty_strided",
        "aten::_unsafe_view",
        "aten::lift_fresh",
    }
)
ATTENTION = "aten::scaled_dot_product_attention"


class OperatorCost(msgspec.Struct, frozen=True, kw_only=True):
    """One call."""

    operator: str
    dtype: str
    """Of the result: float16 …"""
    flops: int
    """Multiply and add counted as two; matrix products, convolutions and attention only."""
    bytes: int
    """Every tensor input read once, every result written once."""

    def seconds(self, gpu: GpuPeaks) -> float:
        """The roofline's bound: whichever of computing and moving takes longer at the published peaks."""
        return max(self.flops / gpu.flops_per_second(self.dtype), self.bytes / gpu.bytes_per_second)


class RooflinePrediction(msgspec.Struct, frozen=True, kw_only=True):
    """The least time that a GPU needs for what was run: no launch overhead, no gaps, every operator at its peak."""

    gpu: str
    seconds: float
    memory_bound_seconds: float
    """The part in operators whose bytes take longer than their operations."""
    fits_in_memory: bool
    source: str
    """Where the peak figures come from."""


class CostLedger:
    """Costs of all operators run on the device, equal ones together."""

    def __init__(self) -> None:
        self.calls: Counter[OperatorCost] = Counter()

    @property
    def flops(self) -> int:
        """Operations of all calls."""
        return sum(cost.flops * calls for cost, calls in self.calls.items())

    @property
    def bytes(self) -> int:
        """Bytes of all calls."""
        return sum(cost.bytes * calls for cost, calls in self.calls.items())

    def predict(self, gpu: GpuPeaks, peak_memory_bytes: int) -> RooflinePrediction:
        """The roofline's bound on a GPU."""
        total = memory_bound = 0.0
        for cost, calls in self.calls.items():
            seconds = calls * cost.seconds(gpu)
            total += seconds
            if cost.bytes / gpu.bytes_per_second >= cost.flops / gpu.flops_per_second(cost.dtype):
                memory_bound += seconds
        return RooflinePrediction(
            gpu=gpu.name,
            seconds=total,
            memory_bound_seconds=memory_bound,
            fits_in_memory=peak_memory_bytes <= gpu.memory_bytes,
            source=gpu.source,
        )


def cost_of(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> OperatorCost | None:
    """The cost of a call on host tensors (with or without values); None where nothing is computed or moved."""
    if plan.is_view or plan.name in MOVES_NOTHING:
        return None
    results = list(_tensors((result,)))
    if not results:
        return None
    inputs = list(_tensors((*args, *kwargs.values())))
    return OperatorCost(
        operator=plan.name,
        dtype=str(results[0].dtype).removeprefix("torch."),
        flops=_flops(plan, args, kwargs, result),
        bytes=sum(map(_touched_bytes, inputs)) + sum(map(_touched_bytes, results)),
    )


def _flops(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> int:
    if plan.name == ATTENTION:
        return int(sdpa_flop_count(*(each.shape for each in args[:3])))  # type: ignore[no-untyped-call]
    formula = flop_registry.get(plan.func._overloadpacket)
    return 0 if formula is None else int(formula(*args, **kwargs, out_val=result))


def _touched_bytes(tensor: Tensor) -> int:
    return min(tensor.nbytes, tensor.untyped_storage().nbytes())


def _tensors(values: Iterable[Any]) -> Iterable[Tensor]:
    for value in values:
        if isinstance(value, Tensor):
            yield value
        elif isinstance(value, (list, tuple)):
            yield from _tensors(value)
