"""Views that are turned in place and then written into: gradients reach the places that the CPU's reach."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from sdprof.device import Simulation, to_host

TURNS: list[Callable[[Tensor], Tensor]] = [
    lambda view: view.transpose_(0, -1),
    lambda view: view.squeeze_(0),
    lambda view: view.unsqueeze_(1),
    lambda view: view.swapaxes_(0, 1).squeeze_(),
    lambda view: view.select(0, 0).t_(),
]


@pytest.mark.parametrize("turn", TURNS)
def test_gradients_and_values(turn: Callable[[Tensor], Tensor], device: Simulation) -> None:
    torch.manual_seed(0)
    values = torch.randn(2, 3, 4)

    def run(x: Tensor) -> tuple[Tensor, Tensor]:
        x.requires_grad_()
        base = x * 1
        turned = turn(base[:1])
        turned.mul_(2)
        turned[..., 0] = 0
        weights = torch.arange(float(turned.numel()), device=x.device).view(turned.shape)
        (turned * weights).sum().backward()
        return x.grad, base.detach()

    plain = run(values.clone())
    results = run(values.to("cuda"))
    for result, value in zip(results, plain, strict=True):
        assert torch.equal(to_host(result), value)


def test_it_stays_the_same_object_and_view(device: Simulation) -> None:
    base = torch.ones(2, 3, device="cuda", requires_grad=True) * 1
    view = base[0]
    assert view.unsqueeze_(0) is view
    assert view.shape == (1, 3)
    assert view._base is base
    with pytest.raises(RuntimeError, match="view of a leaf"):
        torch.ones(2, device="cuda", requires_grad=True)[:1].unsqueeze_(0)
