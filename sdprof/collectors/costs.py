"""Operations, bytes, memory, and the least time on known GPUs, of one run that computes no values."""

from __future__ import annotations

import time
from collections import Counter

import torch

from sdprof.collectors.hot_calls import on_each_call
from sdprof.collectors.watched_run import CannotCollectError, WatchedRun
from sdprof.device import ValueNeededError
from sdprof.device.gpu_peaks import GPUS, GpuPeaks
from sdprof.device.operator_cost import CostLedger, OperatorCost
from sdprof.model import CollectorMeta, CostProfile, GpuPrediction

META = CollectorMeta(id="costs", title="Operations, memory and roofline", artifact="costs.json", eager_only=True)


def collect(watched: WatchedRun) -> CostProfile:
    """Run once without values.

    :raises CannotCollectError: if the run computes values, or needs one that was not computed.
    """
    simulation = watched.simulation
    if simulation is None:
        raise CannotCollectError(
            "The loop computed values.", "Use --device simulated --no-values: it counts operations and memory."
        )
    ledger, began = simulation.costs, simulation.costs.calls.copy()
    at_calls: list[Counter[OperatorCost]] = []
    module = next(iter(watched.hot_modules.values()))
    started = time.perf_counter()
    with on_each_call(module, lambda: at_calls.append(ledger.calls.copy())):
        try:
            watched.run()
        except Exception as error:
            needed = _value_needed(error)
            if needed is None:
                raise
            raise CannotCollectError(_sentence(needed), "Use --device simulated alone: it computes values.") from error
    seconds = time.perf_counter() - started
    whole = _difference(ledger.calls, began)
    between = len(at_calls) - 1
    steps = _difference(at_calls[-1], at_calls[0]) if between > 0 else None
    peak = simulation.memory.peak_bytes
    return CostProfile(
        steps=len(at_calls),
        flops=whole.flops,
        step_flops=round(steps.flops / between) if steps is not None else None,
        bytes=whole.bytes,
        peak_memory_bytes=peak,
        weight_bytes=sum(_weight_bytes(hot) for hot in watched.hot_modules.values()),
        run_seconds=seconds,
        predictions=tuple(_prediction(gpu, whole, steps, between, peak) for gpu in GPUS.values()),
    )


def _difference(later: Counter[OperatorCost], earlier: Counter[OperatorCost]) -> CostLedger:
    ledger = CostLedger()
    ledger.calls = later - earlier
    return ledger


def _prediction(gpu: GpuPeaks, whole: CostLedger, steps: CostLedger | None, between: int, peak: int) -> GpuPrediction:
    run = whole.predict(gpu, peak)
    return GpuPrediction(
        gpu=run.gpu,
        run_seconds=run.seconds,
        step_seconds=steps.predict(gpu, peak).seconds / between if steps is not None else None,
        memory_bound_share=run.memory_bound_seconds / run.seconds if run.seconds else 0.0,
        fits_in_memory=run.fits_in_memory,
        source=run.source,
    )


def _weight_bytes(module: torch.nn.Module) -> int:
    tensors = (*module.parameters(), *module.buffers())
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _value_needed(error: BaseException | None) -> ValueNeededError | None:
    """The refusal behind an error that the target, or the worker, made of it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, ValueNeededError):
            return error
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return None


def _sentence(error: ValueNeededError) -> str:
    text = str(error)
    return text[:1].upper() + text[1:]
