"""How near the hot operators come to the machine's peak."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence

import msgspec

from sdprof.facts.trace.hot_operators import HotOperator
from sdprof.model import HotOp, ModuleProfile, Peaks

CONVOLUTIONS = frozenset(
    {
        "aten::mkldnn_convolution",
        "aten::cudnn_convolution",
        "aten::miopen_convolution",
        "aten::slow_conv2d_forward",
        "aten::_slow_conv2d_forward",
    }
)
"""What computes a convolution; ``aten::conv2d`` and its like only pass it on."""
PRODUCTS = {"aten::mm": 0, "aten::bmm": 0, "aten::addmm": 1, "aten::baddbmm": 1}
"""Position of the left operand among the inputs."""


def with_percent_of_peak(
    operators: Sequence[HotOp],
    recorded: Sequence[HotOperator],
    modules: ModuleProfile | None,
    peaks: Peaks | None,
) -> tuple[HotOp, ...]:
    """Add FLOPs and their share of the measured GEMM peak, where they can be known.

    Matrix products: 2 B N K M from the recorded shapes. Convolutions: counted at the modules, for a trace tells no
    strides; scaled by the number of calls, since trace and module profile may cover different parts of a run.
    """
    by_name = {operator.name: operator for operator in recorded}
    result = []
    for operator in operators:
        flops = _flops(by_name[operator.name], modules)
        result.append(
            msgspec.structs.replace(
                operator,
                flops=flops,
                percent_of_peak=100 * flops / operator.seconds / peaks.gemm_flops_per_second
                if flops and operator.seconds and peaks is not None
                else None,
            )
        )
    return tuple(result)


def _flops(operator: HotOperator, modules: ModuleProfile | None) -> int | None:
    if operator.name in CONVOLUTIONS and modules is not None:
        convolutions = [module for module in modules.modules if module.leaf and module.class_name.startswith("Conv")]
        calls = sum(module.calls for module in convolutions)
        return round(sum(module.flops for module in convolutions) * operator.count / calls) if calls else None
    if operator.name in PRODUCTS and sum(group.count for group in operator.shapes) == operator.count:
        counted = [_product_flops(group.shapes, PRODUCTS[operator.name]) for group in operator.shapes]
        if None not in counted:
            return sum(flops * group.count for flops, group in zip(counted, operator.shapes, strict=True) if flops)
    return None


def _product_flops(shapes: str, left: int) -> int | None:
    """Operations of one product from the shapes as the profiler printed them: ``[[64], [8, 32], [32, 64]]``."""
    try:
        parsed = ast.literal_eval(shapes)
        a, b = parsed[left], parsed[left + 1]
        return int(2 * math.prod(a) * b[-1]) if a and b and a[-1] == b[-2] else None
    except (ValueError, SyntaxError, IndexError, TypeError):
        return None
