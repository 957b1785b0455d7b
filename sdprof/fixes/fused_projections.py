"""Compute linear layers of one input, such as queries, keys and values, in one product."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sdprof.fixes.declined import DeclinedError
from sdprof.model import FixMeta

if TYPE_CHECKING:
    import torch

    from sdprof.fixes.machinery.trial import CapturedCall
    from sdprof.fixes.subject import Subject

META = FixMeta(
    id="fused-projections",
    title="Compute queries, keys and values in one product",
    kind="module",
    numerics="rounding",
    # It hands parts from one layer's call to the next, which compilers would have to see through; Inductor can join
    # such products by itself.
    excludes=("compile", "compile-regional", "compile-freezing", "compile-cudagraphs", "openvino", "int8-linear"),
    least_budget_seconds_on_cpu=600,
    order=65,
)


def apply(subject: Subject) -> tuple[str, ...]:
    """Join the layers of one module that are handed the same tensor; each then takes its part of one product."""
    from sdprof.fixes.machinery.joint_product import JointProduct
    from sdprof.fixes.machinery.trial import capture, hot_module_of_the_loop, relative_difference, rounding_limit

    _, hot_module = hot_module_of_the_loop(subject)
    call = capture(subject, hot_module)
    if call.ambient.grad:
        raise DeclinedError("The loop records gradients, and a joined copy of weights has none: add inference-mode")
    original, groups = _groups(call, hot_module)
    if not groups:
        raise DeclinedError("No module of the hot module hands one tensor to two of its linear layers")
    joint = [JointProduct(group) for group in groups]
    for each in joint:
        each.install()
    try:
        difference = relative_difference(original, call.repeat(hot_module))
    except RuntimeError as error:  # a view of a part that does not lie in one piece
        difference, why = float("inf"), f"the code cannot work with parts of a product ({error})"
    else:
        why = f"the output differs by {difference:.1e}, more than rounding explains"
    if difference > rounding_limit(original, call.ambient):
        for each in joint:
            each.remove()
        raise DeclinedError(f"With joined products {why}")
    subject.before_run.extend(each.forget for each in joint)
    joined = sum(len(group) for group in groups)
    return (
        f"{joined} linear layers compute in {len(groups)} products; the joined copies of their weights take "
        f"{sum(each.bytes for each in joint) / 1e6:.0f} MB.",
        f"One call of the hot module differed by {difference:.1e} of its largest value.",
    )


def _groups(call: CapturedCall, hot_module: torch.nn.Module) -> tuple[object, list[list[torch.nn.Linear]]]:
    """The output of a call, and the sets of sibling layers that it handed one and the same tensor."""
    import torch

    from sdprof.fixes.machinery.joint_product import can_join
    from sdprof.fixes.machinery.reached import input_of, reached_by

    parents = {child: parent for parent in hot_module.modules() for child in parent.children()}
    linear = [each for each in parents if isinstance(each, torch.nn.Linear) and can_join(each, call.ambient)]
    original, reached = reached_by(call, hot_module, linear)
    by_input: dict[tuple[torch.nn.Module, int, object], list[torch.nn.Linear]] = {}
    for layer, calls in reached.items():
        if len(calls) == 1:
            kind = (layer.in_features, layer.bias is None, layer.weight.dtype)
            by_input.setdefault((parents[layer], id(input_of(calls[0])), kind), []).append(layer)
    return original, [group for group in by_input.values() if len(group) > 1]
