"""Audits that compare nothing: recorded traces, and runs on the simulated device."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import msgspec

from sdprof.model import (
    AuditResult,
    CostProfile,
    GpuPrediction,
    Location,
    Transfers,
    TransferSection,
    TransferSite,
)
from sdprof.stages.recorded import audit_recorded

TRACES = Path(__file__).parents[1] / "golden" / "traces"


@cache
def recorded(name: str) -> AuditResult:
    """The audit of a golden trace."""
    return audit_recorded(TRACES / f"{name}.json.gz", command=f"sdprof trace {name}.json.gz").result


def simulation_of(full: AuditResult) -> AuditResult:
    """``full`` as a run on the simulated device would have left it."""
    where = Location(file="/home/user/loop.py", line=3, code="    if sigma > 0:")
    site = TransferSite(kind="SYNC", op="aten::_local_scalar_dense", where=where, count=8, bytes=32, in_loop=True)
    section = TransferSection(device="simulated", steps=4, sites=(site,))
    return _without_comparison(full, kind="simulation", transfers=Transfers(baseline=section))


def shapes_of(full: AuditResult) -> AuditResult:
    """``full`` as a run without values would have left it."""
    costs = CostProfile(
        steps=6,
        flops=9_600_000_000_000,
        step_flops=1_600_000_000_000,
        bytes=10**11,
        peak_memory_bytes=20 * 2**30,
        weight_bytes=3 * 2**30,
        run_seconds=4.0,
        predictions=(_bound("Tesla T4", 2.5, fits=False), _bound("NVIDIA A10", 1.5), _bound("NVIDIA H100", 0.2)),
    )
    return _without_comparison(full, kind="shapes", costs=costs)


def _bound(gpu: str, seconds: float, *, fits: bool = True) -> GpuPrediction:
    return GpuPrediction(
        gpu=gpu,
        run_seconds=seconds,
        step_seconds=seconds / 6,
        memory_bound_share=0.4,
        fits_in_memory=fits,
        source="a data sheet",
    )


def _without_comparison(full: AuditResult, **fields: object) -> AuditResult:
    bare = {"variants": (), "comparison": None, "fixes": (), "waterfall": (), "patch": None, **fields}
    return msgspec.structs.replace(full, **bare)
