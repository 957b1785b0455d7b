"""``nn.TransformerEncoder`` with a padding mask: it asks whether a nested tensor can be made, and here none can."""

from __future__ import annotations

from typing import Any

from sdprof.device.dispatch import record_wait, special
from sdprof.device.operator_plan import OperatorPlan


@special("aten::_nested_tensor_from_mask_left_aligned")
def never_left_aligned(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Wait as PyTorch does for the answer, and give the one with which it goes on with dense tensors."""
    record_wait(plan, args, kwargs)
    return False
