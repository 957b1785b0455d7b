"""From a variant's artifact folder to facts: all that an audit needs, without running anything."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from sdprof.facts.facts import Facts
from sdprof.facts.hot_lines import hot_lines
from sdprof.facts.hot_modules import hot_modules
from sdprof.facts.memory_curve import memory_curve
from sdprof.facts.next_setup import with_next_setup
from sdprof.facts.recorded_trace import RecordedTrace, recorded_trace
from sdprof.facts.trace_file.trace_error import TraceError
from sdprof.facts.transfer_cross_check import cross_check
from sdprof.model import (
    Environment,
    GraphProfile,
    LineProfile,
    LoopMap,
    MemoryCurve,
    MemoryProfile,
    Missing,
    ModuleProfile,
    OperatorCensus,
    Peaks,
    StackSamples,
    TraceFile,
    TransferProfile,
)

Artifact = TypeVar("Artifact")
ARTIFACT_LIMIT_BYTES = 256 * 1024 * 1024


class ArtifactError(Exception):
    """An artifact cannot be read: one sentence that says which and why."""


def read_facts(folder: Path, *, peaks: Peaks | None = None) -> Facts:
    """Read whatever artifacts a folder holds. A trace that cannot be read costs what rests on it, and is told.

    :param peaks: the machine's peaks, where they were measured beside another variant.
    :raises ArtifactError: if an artifact is there and damaged.
    """
    operators = _read(folder / "operators.json", OperatorCensus)
    modules = _read(folder / "modules.json", ModuleProfile)
    trace_file = _read(folder / "trace.json", TraceFile)
    lines = _read(folder / "lines.json", LineProfile)
    peaks = _read(folder / "peaks.json", Peaks) or peaks
    recorded: RecordedTrace | None = None
    in_step: MemoryCurve | None = None
    gaps: tuple[Missing, ...] = ()
    try:
        recorded = recorded_trace(folder, trace_file, modules, peaks) if trace_file is not None else None
        has_memory = trace_file is not None and trace_file.with_memory
        in_step = memory_curve(folder / trace_file.file) if trace_file is not None and has_memory else None
    except TraceError as error:
        gaps = (Missing(section="Recorded trace", reason=f"It cannot be read: {error}"),)
    return Facts(
        environment=_read(folder / "environment.json", Environment),
        loop=_read(folder / "loop.json", LoopMap),
        operators=operators,
        operator_contents=operators if operators is not None and operators.contents_known else None,
        modules=modules,
        lines=lines,
        stacks=_read(folder / "stacks.json", StackSamples),
        graphs=_graphs(folder),
        memory=_read(folder / "memory.json", MemoryProfile),
        memory_in_step=in_step,
        peaks=peaks,
        trace=recorded.facts if recorded is not None else None,
        device_trace=recorded.facts if recorded is not None and recorded.facts.gpu_events else None,
        hot_ops=recorded.operators if recorded is not None else None,
        hot_lines=hot_lines(lines) if lines is not None else None,
        hot_modules=hot_modules(modules, peaks) if modules is not None else None,
        gaps=gaps,
    ).with_transfers(_transfers(folder, recorded))


def _graphs(folder: Path) -> GraphProfile | None:
    """What samples, and beside it what comes with grad: without the first nothing is known of a sampling loop."""
    sampling, with_grad = (_read(folder / name, GraphProfile) for name in ("graphs.json", "graphs-with-grad.json"))
    if sampling is None or with_grad is None:
        return sampling
    order = {region.name: number for number, region in enumerate((*with_grad.regions, *sampling.regions))}
    regions = {(region.name, region.grad): region for region in (*sampling.regions, *with_grad.regions)}
    return GraphProfile(
        regions=tuple(sorted(regions.values(), key=lambda region: (order[region.name], region.grad))),
        skipped=tuple(dict.fromkeys((*sampling.skipped, *with_grad.skipped))),
    )


def _transfers(folder: Path, recorded: RecordedTrace | None) -> TransferProfile | None:
    """What was watched of copies and waits; on CUDA beside what the trace has of them."""
    watched = _read(folder / "transfers.json", TransferProfile)
    if watched is not None:
        watched = with_next_setup(watched, _read(folder / "next_setup.json", TransferProfile))
    if watched is None or watched.device != "cuda" or recorded is None or recorded.report.transfers is None:
        return watched
    return msgspec.structs.replace(watched, notes=(*watched.notes, *cross_check(watched, recorded.report.transfers)))


def _read(file: Path, kind: type[Artifact]) -> Artifact | None:
    try:
        if file.stat().st_size > ARTIFACT_LIMIT_BYTES:
            raise ArtifactError(f"{file} is larger than {ARTIFACT_LIMIT_BYTES} bytes.")
        return msgspec.json.decode(file.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise ArtifactError(f"{file} is damaged: {error}.") from None
