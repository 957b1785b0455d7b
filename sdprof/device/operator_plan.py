"""What the dispatcher has to know of an operator, read once from its schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from sdprof.device.device_check import REFUSES_HOST_SCALARS
from sdprof.device.python_bindings import shortest_entry
from sdprof.device.synchronising_ops import SynchronisingOp, synchronising


class OperatorPlan:
    """How one operator is run on simulated tensors. A plain class with slots: it is read for every operator."""

    __slots__ = (
        "argument_names",
        "call",
        "changes_metadata",
        "composite",
        "draws",
        "func",
        "is_view",
        "name",
        "refuses_host_scalars",
        "reshapes",
        "returned",
        "rule",
        "waits",
        "writes",
    )

    def __init__(self, func: torch._ops.OpOverload) -> None:
        schema = func._schema
        self.func = func
        self.call: Callable[..., Any] = shortest_entry(func)
        """Runs it, without the check for higher-order operators that calling ``func`` makes."""
        self.name: str = schema.name
        self.argument_names: tuple[str, ...] = tuple(argument.name for argument in schema.arguments)
        self.composite = _has_kernel(func.name(), "CompositeImplicitAutograd") and not _has_kernel(func.name(), "CPU")  # type: ignore[no-untyped-call]
        """Made of other operators: arrives whole in inference mode alone, and is then taken apart."""
        self.waits: SynchronisingOp | None = synchronising(func)
        self.refuses_host_scalars = schema.name in REFUSES_HOST_SCALARS
        self.draws = "generator" in self.argument_names
        """Draws random numbers."""
        self.rule: Callable[[OperatorPlan, tuple[Any, ...], dict[str, Any]], Any] | None = None
        """What runs it, where the ordinary way does not do."""
        self.is_view = any(
            result.alias_info is not None and not result.alias_info.is_write for result in schema.returns
        )
        """Its result shares memory with an argument."""
        self.returned = _written_arguments(schema)
        """For an operator that writes to its arguments: which of them it returns."""
        self.writes = tuple(
            position
            for position, argument in enumerate(schema.arguments)
            if argument.alias_info is not None and argument.alias_info.is_write
        )
        """Arguments that it writes to, whether it returns them or not: tensors, or lists of tensors."""
        self.reshapes = torch.Tag.inplace_view in func.tags or schema.name in _RESIZING
        """Gives its first argument other sizes or strides."""
        self.changes_metadata = self.reshapes or schema.overload_name.endswith("out")
        """Sizes or strides of an argument may be others afterwards."""

    def named(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """All given arguments by name."""
        return {**dict(zip(self.argument_names, args, strict=False)), **kwargs}


_has_kernel = torch._C._dispatch_has_kernel_for_dispatch_key
_RESIZING = frozenset({"aten::resize_", "aten::resize_as_", "aten::set_"})


def _written_arguments(schema: Any) -> tuple[int, ...]:
    written = {
        next(iter(argument.alias_info.before_set)): position
        for position, argument in enumerate(schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write and argument.alias_info.before_set
    }
    return tuple(
        written[next(iter(result.alias_info.before_set))]
        for result in schema.returns
        if result.alias_info is not None and result.alias_info.is_write and result.alias_info.before_set
    )
