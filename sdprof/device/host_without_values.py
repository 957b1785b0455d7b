"""The host's half of a run without values: a large tensor that is created there is a shape without memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from sdprof.device.known_values import KNOWN_ELEMENTS
from sdprof.device.tensor import HOST, SimulatedTensor, wrap

_META = torch.device("meta")


class HostTensorsWithoutValues(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Makes large tensors that are created on the host shapes without memory: the weights of a model being built.

    Small ones get values, and are watched, too: unknown values may be written into them.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._makes_tensor: dict[int, bool] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None) -> Any:
        """Intercept factories on the host; let everything else pass."""
        kwargs = kwargs or {}
        makes = self._makes_tensor.get(id(func))
        if makes is None:
            names = {argument.name for argument in func._schema.arguments}
            makes = self._makes_tensor[id(func)] = {"device", "layout"} <= names and "copy" not in func._schema.name
        if not makes or SimulatedTensor in types:
            return func(*args, **kwargs)
        device = kwargs.get("device")
        if device is None:
            device = next((each.device for each in args if isinstance(each, Tensor)), HOST)
        if device.type != "cpu":
            return func(*args, **kwargs)
        rest = {name: value for name, value in kwargs.items() if name not in ("device", "pin_memory")}
        try:
            shape_only = func(*args, **without_generator(rest), device=_META)
        except NotImplementedError:
            return func(*args, **kwargs)
        small = shape_only.numel() <= KNOWN_ELEMENTS
        return wrap(func(*args, **kwargs) if small else shape_only, HOST)


def without_generator(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a call that draws nothing."""
    return {name: None if name == "generator" else value for name, value in kwargs.items()}
