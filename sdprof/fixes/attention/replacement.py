"""Find the modules that compute attention by themselves, and have them use the fused operator."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend
from torch.overrides import TorchFunctionMode

from sdprof.fixes.attention.deferred import settle
from sdprof.fixes.attention.interception import DeferAttention
from sdprof.fixes.attention.tally import Tally
from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.machinery.trial import Ambient, CapturedCall, capture, relative_difference, rounding_limit
from sdprof.fixes.subject import Subject

SOFTMAX: frozenset[Callable[..., Any]] = frozenset({torch.softmax, torch.Tensor.softmax, F.softmax})
LEVELS = 3
"""How far above the module that calls softmax the one that multiplies is looked for (a softmax may be a module)."""

Calls = dict[torch.nn.Module, CapturedCall]


@dataclass(frozen=True)
class Verdict:
    """What a trial of one module showed."""

    module: torch.nn.Module
    reason: str
    """Why it cannot be replaced; empty where it can."""
    tally: Tally | None = None
    difference: float = 0.0
    operators: tuple[str, ...] = ()


def use_fused_attention(subject: Subject, backend: SDPBackend | None) -> tuple[str, ...]:
    """Replace the attention of every module that computes it itself, a class at a time, each instance tried first.

    :param backend: the only kernel to take, or None for PyTorch's own choice.
    :raises DeclinedError: no module computes attention itself, or none can be replaced.
    """
    verdicts = [verdict for name in subject.hot_modules for verdict in _try_hot_module(subject, name, backend)]
    if not verdicts:
        raise DeclinedError("No module in the hot modules computes a softmax of its own: no naive attention to replace")
    by_class: dict[type[torch.nn.Module], list[Verdict]] = defaultdict(list)
    for verdict in verdicts:
        by_class[type(verdict.module)].append(verdict)
    did, left = [], []
    for kind, tried in by_class.items():
        reasons = sorted({verdict.reason for verdict in tried if verdict.reason})
        if reasons:
            left.append(f"{kind.__name__} was left as it is: {reasons[0]}.")
            continue
        for verdict in tried:
            compilable = verdict.tally is not None and not verdict.tally.operators_with_tensors
            vars(verdict.module)["forward"] = fused_forward(verdict.module, backend, compilable=compilable)
        operators = sorted({operator for verdict in tried for operator in verdict.operators})
        worst = max(verdict.difference for verdict in tried)
        did.append(
            f"{len(tried)} modules of class {kind.__name__} call scaled_dot_product_attention; "
            f"what ran is {' and '.join(operators)}; outputs differ by {worst:.1e} of the largest value at most."
        )
    if not did:
        raise DeclinedError(" ".join(left))
    return (*did, *left)


def fused_forward(
    module: torch.nn.Module, backend: SDPBackend | None, *, compilable: bool = True
) -> Callable[..., Any]:
    """The module's own forward, with its attention fused; while it is compiled, only where that is safe."""
    original = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        if not compilable and torch.compiler.is_compiling():
            return original(*args, **kwargs)
        with DeferAttention(Tally(backend)):
            return settle(original(*args, **kwargs))

    return forward


def _try_hot_module(subject: Subject, name: str, backend: SDPBackend | None) -> list[Verdict]:
    hot_module = subject.hot_modules[name]
    call = capture(subject, hot_module)
    verdicts: dict[torch.nn.Module, Verdict] = {}
    for stack in _softmax_stacks(call, hot_module):
        verdict = None
        for module, inner_call in stack:
            tried = verdicts.get(module) or _try(module, inner_call, backend)
            verdict = verdict if verdict and tried.reason else tried
            if not tried.reason:
                break
        if verdict is not None:
            verdicts[verdict.module] = verdict
    return list(verdicts.values())


def _try(module: torch.nn.Module, call: CapturedCall, backend: SDPBackend | None) -> Verdict:
    """Call a module as it is and fused, with the same real input."""
    tally = Tally(backend)
    original = module.forward

    def fused(*args: Any, **kwargs: Any) -> Any:
        with DeferAttention(tally):
            return settle(original(*args, **kwargs))

    try:
        expected = call.repeat(original)
        obtained = call.repeat(fused)
    except Exception as error:  # noqa: BLE001 - whatever foreign code raises is a reason to leave it alone
        return Verdict(module, f"with fused attention it raised {type(error).__name__} ({_first_line(error)})")
    if tally.settled_probabilities:
        return Verdict(module, "it uses its attention probabilities for more than the product with the values")
    if tally.fused == 0:
        return Verdict(module, "its softmax is not between a product of two tensors and a product with a third")
    difference = relative_difference(expected, obtained)
    if difference > rounding_limit(expected, call.ambient):
        return Verdict(module, f"fused, its output differs by {difference:.1e}, more than rounding explains")
    return Verdict(module, "", tally, difference, _operators_that_run(lambda: call.repeat(fused)))


def _softmax_stacks(
    call: CapturedCall, hot_module: torch.nn.Module
) -> list[list[tuple[torch.nn.Module, CapturedCall]]]:
    """Call the hot module once; for each place that calls softmax, the modules around it, innermost first."""
    running: list[tuple[torch.nn.Module, CapturedCall]] = []
    found: dict[torch.nn.Module, list[tuple[torch.nn.Module, CapturedCall]]] = {}
    device_type = call.ambient.device_type

    class NoteSoftmax(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if func in SOFTMAX and running:
                around = [entry for entry in reversed(running) if not isinstance(entry[0], torch.nn.Softmax)]
                if around:
                    found.setdefault(around[0][0], around[:LEVELS])
            return func(*args, **(kwargs or {}))

    def enter(module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        running.append((module, CapturedCall(args, kwargs, Ambient.here(device_type))))

    def leave(_module: torch.nn.Module, _args: tuple[Any, ...], _output: Any) -> None:
        running.pop()

    hooks = []
    for module in hot_module.modules():
        hooks.append(module.register_forward_pre_hook(enter, with_kwargs=True))
        hooks.append(module.register_forward_hook(leave))

    def forward(*args: Any, **kwargs: Any) -> Any:
        with NoteSoftmax():
            return hot_module(*args, **kwargs)

    try:
        call.repeat(forward)
    finally:
        for hook in hooks:
            hook.remove()
    return list(found.values())


def _operators_that_run(run: Callable[[], Any]) -> tuple[str, ...]:
    """Which of PyTorch's attention kernels the dispatcher reached."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
        run()
    names = {event.name for event in profile.events()}
    kernels = {name for name in names if name.startswith("aten::_scaled_dot_product")}
    return tuple(sorted(kernels - {"aten::_scaled_dot_product_attention_math"} or kernels)) or ("no fused kernel",)


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0].rstrip(".") if text else "no message"
