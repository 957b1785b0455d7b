"""Compute the inner levels of a UNet in every second step, and reuse their features in between.

The idea is that of DeepCache (Ma, Fang and Wang, "DeepCache: Accelerating Diffusion Models for Free", arXiv
2312.00858): from step to step the features of low resolution change least, and cost most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    import torch

    from sdprof.fixes.machinery.trial import CapturedCall
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="reused-deep-features",
    title="Compute the inner levels of a UNet in every second step",
    kind="module",
    numerics="lossy",
    excludes=("compile", "compile-regional", "compile-freezing", "compile-cudagraphs", "openvino"),
    order=80,
)

EVERY = 2
"""Calls of the hot module for one in which everything is computed."""


def apply(subject: Subject) -> tuple[str, ...]:
    """Keep what the modules return that see only features of lower resolution than the hot module's own input."""
    from sdprof.fixes.machinery.feature_reuse import FeatureReuse
    from sdprof.fixes.machinery.trial import capture, hot_module_of_the_loop

    name, hot_module = hot_module_of_the_loop(subject)
    call = capture(subject, hot_module)
    if call.ambient.grad:
        raise DeclinedError("The loop records gradients, which kept features have none of")
    deep = _deep_modules(call, hot_module)
    if not deep:
        raise DeclinedError(f"{name} has no modules that see features of lower resolution than its input")
    reuse = FeatureReuse(hot_module, deep, EVERY)
    reuse.install()
    subject.before_run.append(reuse.forget)
    return (f"{len(deep)} modules of lower resolution are computed in one of {EVERY} calls of {name}.",)


def _deep_modules(call: CapturedCall, hot_module: torch.nn.Module) -> list[torch.nn.Module]:
    """The outermost modules, called once a call, all of whose images are smaller than the hot module's."""
    from sdprof.fixes.machinery.reached import reached_by

    _, reached = reached_by(call, hot_module, list(hot_module.modules()))
    full = max(_resolutions(reached[hot_module][0]), default=0)

    def within(module: torch.nn.Module) -> list[torch.nn.Module]:
        found = []
        for child in module.children():
            calls = reached.get(child, [])
            seen = _resolutions(calls[0]) if len(calls) == 1 else []
            found += [child] if seen and max(seen) < full else within(child)
        return found

    return within(hot_module)


def _resolutions(arguments: object) -> list[int]:
    """Pixels of every image, (B, C, H, W), among the arguments."""
    import torch
    from torch.utils._pytree import tree_leaves

    images = [each for each in tree_leaves(arguments) if isinstance(each, torch.Tensor) and each.dim() == 4]
    return [image.shape[-1] * image.shape[-2] for image in images]
