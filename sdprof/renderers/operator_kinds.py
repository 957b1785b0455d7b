"""Operators by kind: what a step's time goes to, before and after, in words that outlive a change of kernels."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from sdprof.model import AuditResult, HotOp, TraceFacts
from sdprof.renderers import step_time
from sdprof.renderers.compiler_names import plain_name

OTHER = "other"
OUTSIDE = "outside of operators"
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("attention", re.compile(r"scaled_dot_product|flash|efficient_attention|fmha|softmax")),
    ("convolution", re.compile(r"conv(?!ert)|cudnn|implicit_gemm|winograd|xmma_fprop")),
    (
        "matrix product",
        re.compile(r"\b(mm|bmm|addmm|baddbmm|addmv|matmul|linear|mkl_linear|_linear_pointwise|einsum)\b|gemm|cutlass"),
    ),
    (
        "compiled code",
        re.compile(r"triton|graph_\d|cpp_fused|Torch-Compiled|inductor|CompiledFx|openvino", re.IGNORECASE),
    ),
    ("normalisation", re.compile(r"norm")),
    (
        "layout and copies",
        re.compile(r"\b(copy_?|_to_copy|clone|contiguous|cat|stack|fill_|zero_|reorder|pad)\b|[Mm]em(cpy|set)"),
    ),
    (
        "element-wise",
        re.compile(
            r"\b(add|sub|mul|div|neg|pow|sqrt|rsqrt|exp|log|sin|cos|clamp\w*|where|gelu|silu|sigmoid|tanh|relu|mean|sum|"
            r"lerp|addcmul|addcdiv|reciprocal|eq|ne|lt|gt|le|ge|elementwise\w*|vectorized\w*)_?\b"
        ),
    ),
)
"""The first that matches counts: a fused attention kernel is attention, although it holds products and a softmax."""


@dataclass(frozen=True)
class KindTime:
    """A kind with its time of a step; None on a side that was not recorded."""

    kind: str
    before_ms: float | None
    after_ms: float | None
    operators: tuple[str, ...]
    """The costliest on either side."""

    @property
    def longest_ms(self) -> float:
        """The longer of the two."""
        return max(self.before_ms or 0.0, self.after_ms or 0.0)


def kind_of(operator: str) -> str:
    """The kind of an operator or kernel, by its name."""
    name = operator.removeprefix("aten::")
    return next((kind for kind, pattern in _KINDS if pattern.search(name)), OTHER)


def kind_times(result: AuditResult) -> tuple[KindTime, ...]:
    """The measured step time by kind, the costliest kind first.

    A profiler makes operators slower: where its times add up to more than the measured step, they are scaled down to
    it. Where they add up to less, the rest passed outside of any operator: in Python, waiting, or in another runtime.
    """
    before_ms, after_ms = step_time.before_and_after(result)
    before = _by_kind(result.hot_ops, result.trace, before_ms)
    after = _by_kind(result.hot_ops_after, result.trace_after or result.trace, after_ms)
    times = (
        KindTime(
            kind=kind,
            before_ms=before.get(kind, 0.0) if before else None,
            after_ms=after.get(kind, 0.0) if after else None,
            operators=_costliest((*result.hot_ops, *result.hot_ops_after), kind),
        )
        for kind in {*before, *after}
    )
    return tuple(sorted(times, key=lambda time: (-time.longest_ms, time.kind)))


def _by_kind(operators: Iterable[HotOp], trace: TraceFacts | None, step_ms: float | None) -> dict[str, float]:
    recorded: dict[str, float] = {}
    for operator in operators:
        kind = kind_of(operator.name)
        recorded[kind] = recorded.get(kind, 0.0) + max(operator.seconds, 0.0) * 1000
    total = sum(recorded.values())
    if step_ms is None or total <= 0:
        return {}
    steps = len(trace.steps) if trace is not None else 0
    if steps and total / steps < step_ms:
        inside = {kind: value / steps for kind, value in recorded.items()}
        return {**inside, OUTSIDE: step_ms - total / steps}
    return {kind: value / total * step_ms for kind, value in recorded.items()}


def _costliest(operators: Iterable[HotOp], kind: str, most: int = 3) -> tuple[str, ...]:
    mine = sorted((one for one in operators if kind_of(one.name) == kind), key=lambda one: -one.seconds)
    return tuple(dict.fromkeys(plain_name(one.name) for one in mine))[:most]
