"""Compute the run under bfloat16 autocast."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="bfloat16-autocast",
    title="Compute products and convolutions in bfloat16",
    kind="runtime",
    numerics="lossy",
    excludes=("prepacked-weights", "int8-linear", "openvino"),
    order=25,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Enter autocast around every run.

    *Lossy* rather than rounding: what counts as rounding is judged by the precision that the loop itself asks for.
    """
    import torch

    from sdprof.fixes.machinery.trial import capture, hot_module_of_the_loop

    _, hot_module = hot_module_of_the_loop(subject)
    device = subject.device.type
    if capture(subject, hot_module).ambient.autocast:
        raise DeclinedError("The loop runs under autocast already: choose its type there")
    if device == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise DeclinedError("This GPU does not compute in bfloat16")
    subject.around_run.append(lambda: torch.autocast(device, dtype=torch.bfloat16))
    if not capture(subject, hot_module).ambient.autocast:
        subject.around_run.pop()
        raise DeclinedError("The loop turns autocast off around its hot module")
    return ("Every run is under bfloat16 autocast.",)
