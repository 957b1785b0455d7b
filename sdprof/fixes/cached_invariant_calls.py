"""Compute once per run what modules compute from an input that never changes, such as the text's keys and values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta, ModuleCalls

if TYPE_CHECKING:
    import torch

    from sdprof.fixes.subject import Subject

    Layer = torch.nn.Linear | torch.nn.Conv1d | torch.nn.Conv2d

META = FixMeta(
    id="cached-invariant-calls",
    title="Compute loop-invariant module calls once per run",
    kind="module",
    numerics="exact",
    removes=("loop-invariant-calls",),
    excludes=("compile", "compile-regional", "compile-freezing", "compile-cudagraphs", "openvino"),
    order=40,
)

LEAST_FLOPS_PER_MOVED_BYTE = 8
"""The guard reads each byte of the input and copies each of the output: below this it costs what the call costs."""


def apply(subject: Subject) -> tuple[str, ...]:
    """Put a cache, guarded by the input's content, before each Linear or Conv that saw one input in the whole run."""
    from sdprof.fixes.machinery.caching import CachedForward

    if subject.modules is None:
        raise DeclinedError(
            "No module profile of the baseline is at hand, so it is not known which inputs never change"
        )
    targets = _invariant_layers(subject)
    if not targets:
        raise DeclinedError("No Linear or Conv of a hot module was called more than once with one and the same input")
    for module, _ in targets:
        cached = CachedForward(module, subject.device.type)
        vars(module)["forward"] = cached
        subject.before_run.append(cached.forget)
        if subject.device.type != "cpu":
            subject.around_run.append(cached.checked)
    spared = sum(calls.calls - 1 for _, calls in targets)
    flops = sum(calls.flops * (calls.calls - 1) / calls.calls for _, calls in targets)
    if subject.device.type == "cpu":
        guard = "Each call compares its input with the one that the kept result came from, byte by byte."
    else:
        guard = (
            "Nothing waits for the device: inputs are compared there, and the run fails at its end if one had changed."
        )
    return (
        f"{len(targets)} layers keep their result for the run: {spared} calls and {flops / 1e9:.2f} GFLOP less.",
        guard,
    )


def _invariant_layers(subject: Subject) -> list[tuple[Layer, ModuleCalls]]:
    """The layers worth caching: plain Linear and Conv layers, each with what the baseline saw of it."""
    import torch

    kinds = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d)
    forwards = {kind.forward for kind in kinds}
    assert subject.modules is not None
    found: list[tuple[Layer, ModuleCalls]] = []
    for calls in subject.modules.modules:
        if not (calls.leaf and calls.distinct_inputs == 1 and calls.calls > 1):
            continue
        module = _resolve(subject, calls)
        # A subclass or a replaced forward may do more than the layer: it may draw numbers, or keep state.
        plain = isinstance(module, kinds) and "forward" not in module.__dict__ and type(module).forward in forwards
        if isinstance(module, kinds) and plain and _worthwhile(module, calls):
            found.append((module, calls))
    return found


def _resolve(subject: Subject, calls: ModuleCalls) -> torch.nn.Module | None:
    """The live module of a profile entry, whose name may or may not begin with the hot module's."""
    for hot_name, hot_module in subject.hot_modules.items():
        for name in (calls.name.removeprefix(f"{hot_name}."), calls.name):
            try:
                module = hot_module.get_submodule(name)
            except AttributeError:
                continue
            if type(module).__name__ == calls.class_name:
                return module
    return None


def _worthwhile(module: Layer, calls: ModuleCalls) -> bool:
    """Whether a call costs clearly more than comparing its input and copying its output."""
    input_features = int(module.weight.shape[1])
    rows = calls.flops / calls.calls / max(1, 2 * module.weight.numel())
    moved_bytes = 4 * rows * input_features + calls.output_bytes / calls.calls
    return calls.flops / calls.calls > LEAST_FLOPS_PER_MOVED_BYTE * moved_bytes
