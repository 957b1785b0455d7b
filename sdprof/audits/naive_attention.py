"""Attention that writes its whole score matrix to memory."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import OUTSIDE, AuditMeta, Cost, Finding, OperatorCensus, OperatorSite, Peaks

META = AuditMeta(
    id="naive-attention",
    title="Attention writes its score matrix to memory",
    passed="No attention writes its score matrix to memory",
    needs=("operators",),
    severity="high",
    fixes=("sdpa", "sdpa-math", "sdpa-efficient", "sdpa-flash"),
)
SOFTMAX = "aten::_softmax"
PRODUCTS = frozenset({"aten::bmm", "aten::baddbmm", "aten::matmul"})
EXPLANATION = (
    "Product, softmax and product are three operators, so the scores of every query against every key are written to "
    "memory and read back. scaled_dot_product_attention computes the same in blocks that stay in cache."
)
PASSES_OVER_SCORES = 4
"""Scores are written, read by the softmax, written as weights, and read by the second product."""


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per softmax expression whose input is a batch of matrix products of the same function."""
    census = facts.operators
    assert census is not None
    for site in census.sites:
        if site.op == SOFTMAX and _is_fed_by_product(site, census.sites):
            yield _finding(site, census, facts.peaks)
    for site in census.outside:
        if site.op == SOFTMAX and _is_fed_by_product(site, census.outside):
            yield _finding_outside(site)


def _is_fed_by_product(softmax: OperatorSite, sites: tuple[OperatorSite, ...]) -> bool:
    if not softmax.input_shapes or len(softmax.input_shapes[0]) < 3:
        return False
    scores = softmax.input_shapes[0]
    return any(
        site.op in PRODUCTS
        and (site.where.file, site.where.function) == (softmax.where.file, softmax.where.function)
        and _product_shape_matches(site, scores)
        for site in sites
    )


def _product_shape_matches(product: OperatorSite, scores: tuple[int, ...]) -> bool:
    """(B, N, D) @ (B, D, M) gives (B, N, M); views between product and softmax may split B into batch and heads."""
    operands = [shape for shape in product.input_shapes if len(shape) >= 3]
    if len(operands) < 2:
        return False
    left, right = operands[-2], operands[-1]
    return left[-2:-1] + right[-1:] == scores[-2:] and math.prod(left[:-2]) == math.prod(scores[:-2])


def _finding(softmax: OperatorSite, census: OperatorCensus, peaks: Peaks | None) -> Finding:
    bytes_per_step = softmax.output_bytes / census.steps
    cost = None
    if peaks is not None:
        seconds = PASSES_OVER_SCORES * bytes_per_step / peaks.copy_bytes_per_second
        cost = Cost(
            predicted_ms_per_step=1e3 * seconds,
            source=f"{PASSES_OVER_SCORES} passes over the score matrices at the machine's measured copy rate",
        )
    return found(
        META,
        locations=(softmax.where,),
        count_per_step=softmax.calls_per_step,
        cost=cost,
        evidence={
            "softmax_mib_per_step": round(bytes_per_step / 2**20, 2),
            "largest_score_matrix": " × ".join(map(str, softmax.input_shapes[0])),
            "score_dtype": ", ".join(softmax.input_dtypes),
            "module_class": softmax.module_class,
        },
        explanation=EXPLANATION,
    )


def _finding_outside(softmax: OperatorSite) -> Finding:
    """As in decoding: it has no share of a step."""
    return found(
        META,
        locations=(softmax.where,),
        severity="low",
        region=OUTSIDE[softmax.scope],
        evidence={
            "calls_per_run": softmax.calls,
            "softmax_mib_per_run": round(softmax.output_bytes / 2**20, 2),
            "largest_score_matrix": " × ".join(map(str, softmax.input_shapes[0])),
            "score_dtype": ", ".join(softmax.input_dtypes),
            "module_class": softmax.module_class,
        },
        explanation=EXPLANATION,
    )
