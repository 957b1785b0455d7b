"""Recurrent networks as one operator, as cuDNN has them.

PyTorch puts ``lstm``, ``gru`` and ``rnn`` together of other operators, and of other ones for CUDA (fused cells that the
CPU lacks, or cuDNN's own) than for the CPU. So that values are the CPU run's the whole operator runs on the host; with
gradients, under a graph of its own there, whose result is one node of the device's graph. That node has no second
derivative, as cuDNN's has none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.utils._pytree import tree_flatten, tree_unflatten

from sdprof.device.dispatch import special, taken_apart
from sdprof.device.operator_plan import OperatorPlan
from sdprof.device.tensor import SimulatedTensor, wrap

LAYERS = ("lstm", "gru", "rnn_tanh", "rnn_relu")
CELLS = ("lstm_cell", "gru_cell", "rnn_tanh_cell", "rnn_relu_cell")


def kernels() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield what stands in PyTorch's dispatcher before autograd, by operator and overload."""
    for name in LAYERS:
        for overload in ("input", "data"):
            yield f"{name}.{overload}", _before_autograd(getattr(getattr(torch.ops.aten, name), overload))
    for name in CELLS:
        yield name, _before_autograd(getattr(torch.ops.aten, name).default)


@special(*(f"aten::{name}" for name in (*LAYERS, *CELLS)))
def in_inference_mode(plan: OperatorPlan, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """One as it arrives where autograd is off altogether.

    A view of a weight requires grad because of what it is a view of, which no operator remembers inside
    ``__torch_dispatch__`` unless it is told to.
    """
    with torch._C._SetExcludeDispatchKeyGuard(torch._C.DispatchKey.ADInplaceOrView, False):
        return _run(plan.func, args, kwargs)


def _before_autograd(func: torch._ops.OpOverload) -> Callable[..., Any]:
    return lambda *args, **kwargs: _run(func, args, kwargs)


def _run(func: torch._ops.OpOverload, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    leaves, spec = tree_flatten((args, kwargs))
    device_tensors = [each for each in leaves if isinstance(each, SimulatedTensor)]
    if len(device_tensors) < sum(isinstance(each, Tensor) for each in leaves):
        # Functional transforms wrap tensors once more, and batch sizes are on the host; all else is refused there.
        host_tensors = [each for each in leaves if isinstance(each, Tensor) and not isinstance(each, SimulatedTensor)]
        if func._overloadname != "data" or len(host_tensors) > 1:
            _refuse_mixed(leaves)
            return taken_apart(func, args, kwargs)
    if torch.is_autocast_enabled("cuda"):
        dtype = torch.get_autocast_dtype("cuda")
        leaves = [each.to(dtype) if _is_float(each) else each for each in leaves]

    def compute(hosts: list[Tensor]) -> Any:
        given = iter(hosts)
        on_host = [next(given) if isinstance(each, SimulatedTensor) else each for each in leaves]
        host_args, host_kwargs = tree_unflatten(on_host, spec)
        return func(*host_args, **host_kwargs)

    given = [each for each in leaves if isinstance(each, SimulatedTensor)]
    if torch.is_grad_enabled() and any(each.requires_grad for each in given):
        results = _OnHost.apply(compute, *given)  # type: ignore[no-untyped-call]
        return results if len(results) > 1 else results[0]
    results = compute([_twin(each) for each in given])
    return tuple(map(wrap, results)) if isinstance(results, tuple) else wrap(results)


def _twin(tensor: SimulatedTensor) -> Tensor:
    """The values, requiring grad as the tensor does: ``matmul`` rounds otherwise where a weight requires it."""
    return tensor.host.detach().requires_grad_(tensor.requires_grad)


class _OnHost(torch.autograd.Function):
    """One node of the device's graph for a graph on the host."""

    @staticmethod
    def forward(ctx: Any, compute: Callable[[list[Tensor]], Any], *tensors: SimulatedTensor) -> tuple[Tensor, ...]:
        ctx.leaves = [_twin(each) for each in tensors]
        with torch.enable_grad():
            results = compute(ctx.leaves)
        ctx.results = results if isinstance(results, tuple) else (results,)
        return tuple(wrap(each.detach()) for each in ctx.results)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: SimulatedTensor) -> tuple[Tensor | None, ...]:
        wanted = [leaf for leaf in ctx.leaves if leaf.requires_grad]
        found = torch.autograd.grad(
            ctx.results, wanted, [each.host for each in gradients], retain_graph=True, allow_unused=True
        )
        by_leaf = iter(found)
        results: list[Tensor | None] = []
        for leaf in ctx.leaves:
            gradient = next(by_leaf) if leaf.requires_grad else None
            results.append(None if gradient is None else wrap(gradient))
        return None, *results


def _refuse_mixed(leaves: list[Any]) -> None:
    """Say what PyTorch says of an input and weights on two devices (aten/src/ATen/native/RNN.cpp: check_attributes)."""
    tensors = [each for each in leaves if isinstance(each, Tensor)]
    if any(torch._C._functorch.is_functorch_wrapped_tensor(each) for each in tensors):
        return
    first, other = tensors[0].device, next(each.device for each in tensors if each.device != tensors[0].device)
    raise RuntimeError(
        "Input and parameter tensors are not at the same device, "
        f"found input tensor at {first} and parameter tensor at {other}"
    )


def _is_float(value: Any) -> bool:
    return isinstance(value, SimulatedTensor) and value.dtype == torch.float32
