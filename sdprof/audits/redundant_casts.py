"""Tensors that change their dtype inside the loop."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding, OperatorSite

META = AuditMeta(
    id="redundant-casts",
    title="Tensors are cast to another dtype inside the loop",
    passed="No tensor of size changes its dtype inside the loop",
    needs=("operators",),
    severity="medium",
    fixes=("half-weights", "sdpa"),
)
CAST = "aten::_to_copy"
SMALLEST_BYTES_PER_STEP = 64 * 1024
"""Casting a scalar or a timestep costs a launch, not bandwidth."""


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per expression that casts."""
    census = facts.operators
    assert census is not None
    for site in census.sites:
        if _is_cast(site) and site.output_bytes / census.steps >= SMALLEST_BYTES_PER_STEP:
            bytes_per_step = site.output_bytes / census.steps
            cost = None
            if facts.peaks is not None:
                cost = Cost(
                    predicted_ms_per_step=1e3 * 2 * bytes_per_step / facts.peaks.copy_bytes_per_second,
                    source="bytes written, and as many read, at the machine's measured copy rate",
                )
            yield found(
                META,
                locations=(site.where,),
                count_per_step=site.calls_per_step,
                cost=cost,
                evidence={
                    "from_dtype": ", ".join(dict.fromkeys(site.input_dtypes)),
                    "to_dtype": site.output_dtype,
                    "mib_per_step": round(bytes_per_step / 2**20, 3),
                    "module_class": site.module_class,
                },
                explanation="Every cast reads a tensor and writes another one.",
            )


def _is_cast(site: OperatorSite) -> bool:
    return (
        site.op == CAST and bool(site.output_dtype) and any(dtype != site.output_dtype for dtype in site.input_dtypes)
    )
