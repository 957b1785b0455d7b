"""Keep images and convolution weights in channels-last memory order inside the hot modules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    import torch

    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="channels-last",
    title="Keep convolutions in channels-last memory order",
    kind="module",
    numerics="rounding",
    removes=("layout-conversion",),
    order=60,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Convert the 4-D weights once, and the images where they enter and leave a hot module.

    What leaves is contiguous again: code outside may call ``view`` on it.
    """
    import torch

    with_images = {
        name: module
        for name, module in subject.hot_modules.items()
        if any(isinstance(child, torch.nn.Conv2d | torch.nn.ConvTranspose2d) for child in module.modules())
    }
    if not with_images:
        raise DeclinedError("No hot module has 2-D convolutions")
    for module in with_images.values():
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        module.register_forward_pre_hook(_channels_last_inputs, with_kwargs=True)
        module.register_forward_hook(_contiguous_outputs)
    return tuple(f"{name}: 4-D weights and inputs are channels-last." for name in with_images)


def _channels_last_inputs(
    _module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    import torch
    from torch.utils._pytree import tree_map

    def convert(value: Any) -> Any:
        is_image = isinstance(value, torch.Tensor) and value.dim() == 4 and value.is_floating_point()
        return value.contiguous(memory_format=torch.channels_last) if is_image else value

    return tree_map(convert, args), tree_map(convert, kwargs)


def _contiguous_outputs(_module: torch.nn.Module, _args: tuple[Any, ...], output: Any) -> Any:
    import torch
    from torch.utils._pytree import tree_map

    return tree_map(lambda value: value.contiguous() if isinstance(value, torch.Tensor) else value, output)
