"""Convolutions whose operands are brought into another memory layout on every call."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Cost, Finding, OperatorSite

META = AuditMeta(
    id="layout-conversion",
    title="Convolutions reorder their weights and inputs on every call",
    passed="No convolution runs eagerly on operands in the default layout",
    needs=("operators",),
    severity="medium",
    fixes=("channels-last", "prepacked-weights", "compile-freezing", "openvino"),
)
CONVOLUTION = "aten::convolution"
FLOAT32_BYTES = 4


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding over all convolution expressions.

    oneDNN (CPU) and cuDNN (half precision) compute in blocked or channels-last layouts. Called eagerly on tensors in
    the default layout, they bring the weight of every convolution into theirs on every call. How long that takes is
    not visible from outside of the kernel; the prediction counts one pass over the weights, which is its lower bound.
    """
    census = facts.operators
    assert census is not None
    convolutions = [site for site in census.sites if site.op == CONVOLUTION and _is_two_dimensional(site)]
    if not convolutions:
        return
    calls_per_step = sum(site.calls_per_step for site in convolutions)
    weight_bytes = _weight_bytes(facts)
    cost = None
    if facts.peaks is not None and weight_bytes:
        cost = Cost(
            predicted_ms_per_step=1e3 * 2 * weight_bytes / facts.peaks.copy_bytes_per_second,
            source="one read and one write of the convolutions' weights at the measured copy rate: a lower bound",
        )
    yield found(
        META,
        locations=tuple(site.where for site in convolutions),
        count_per_step=calls_per_step,
        cost=cost,
        evidence={
            "convolution_calls_per_step": round(calls_per_step, 2),
            "convolution_weight_mib": round(weight_bytes / 2**20, 2),
        },
        explanation=(
            "The library that computes the convolution wants its operands in its own layout. Eager calls convert them "
            "each time; a packed weight, channels-last tensors or a compiled graph convert them once."
        ),
    )


def _is_two_dimensional(site: OperatorSite) -> bool:
    return bool(site.input_shapes) and len(site.input_shapes[0]) == 4


def _weight_bytes(facts: Facts) -> int:
    if facts.modules is None:
        return 0
    return sum(
        module.parameters * FLOAT32_BYTES
        for module in facts.modules.modules
        if module.leaf and module.class_name == "Conv2d" and module.calls
    )
