"""Where the tensors on the host come from: which factory made what is later copied to the device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sdprof.collectors.composite_operators import operator_name
from sdprof.collectors.loop_watch import LoopWatch
from sdprof.collectors.tensors_within import tensors_within
from sdprof.model import Location

_MARK = "_sdprof_origin"
LIFT = "aten::lift_fresh"
"""Last part of ``torch.tensor(data)``: PyTorch fills the tensor below the dispatcher and announces it so. It does the
same for memory that it borrows from NumPy, which cannot be resized."""


@dataclass(frozen=True)
class HostOrigin:
    """A host tensor that was made of numbers alone."""

    operator: str
    """The factory that its making began with."""
    where: Location | None
    step: int | None
    """Step of the loop in which that was; None outside of the loop."""


def origin_of(tensor: Tensor) -> HostOrigin | None:
    """What made a host tensor's memory, if that was watched and depends on nothing but numbers."""
    try:
        return getattr(tensor.untyped_storage(), _MARK, None)
    except (NotImplementedError, RuntimeError):  # no memory of its own: meta, sparse
        return None


class HostOrigins(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Marks the memory of host tensors that factories make, and that is computed from such tensors alone.

    A tensor that was there before the step began passes no mark on, nor does one from NumPy or a file: what depends on
    data cannot simply be made on the device.
    """

    supports_higher_order_operators = True

    def __init__(self, watch: LoopWatch) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._watch = watch
        self._is_factory: dict[int, bool] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        made = [tensor for tensor in tensors_within(result) if tensor.device.type == "cpu"]
        if made:
            inputs = [*tensors_within(args), *tensors_within(kwargs)]
            self._mark(func, made, inputs)
        return result

    def _mark(self, func: Any, made: list[Tensor], inputs: list[Tensor]) -> None:
        name = operator_name(func)
        if not inputs or name == LIFT:
            own_memory = name != LIFT or made[0].untyped_storage().resizable()
            if own_memory and (inputs or self._makes_from_numbers(func)):
                sight = self._watch.look()
                _set(made, HostOrigin(name, sight.where, sight.step))
            return
        origins = [origin_of(tensor) for tensor in inputs]
        first = origins[0]
        pure = first is not None and all(origin is not None and origin.step == first.step for origin in origins)
        _set(made, first if pure else None)

    def _makes_from_numbers(self, func: Any) -> bool:
        known = self._is_factory.get(id(func))
        if known is None:
            names = {argument.name for argument in func._schema.arguments}
            known = self._is_factory[id(func)] = "layout" in names or "device" in names
        return known


def _set(tensors: Iterable[Tensor], origin: HostOrigin | None) -> None:
    for tensor in tensors:
        try:
            setattr(tensor.untyped_storage(), _MARK, origin)
        except (NotImplementedError, RuntimeError):
            continue
