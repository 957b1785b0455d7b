"""Gradients that are given to a backward pass."""

from __future__ import annotations

import pytest
import torch

from sdprof.device import Simulation
from tests.device.conftest import Run


@pytest.mark.parametrize(("place", "other"), [("cuda", "cpu"), ("cpu", "cuda")])
def test_the_other_device_is_refused(place: str, other: str, device: Simulation) -> None:
    x = torch.ones(3, device=place, requires_grad=True)
    gradient = torch.ones(3, device=other)
    for run in (lambda: (x * 2).backward(gradient), lambda: torch.autograd.grad(x * 2, x, gradient)):
        with pytest.raises(RuntimeError) as error:
            run()
        assert str(error.value) == (
            f"invalid gradient at index 0 - expected device {x.device} but got {gradient.device}"
        )


def test_functional_transforms(device: Simulation) -> None:
    x = torch.ones(3, device="cuda")
    _, pull_back = torch.func.vjp(torch.exp, x)
    (gradient,) = pull_back(x * 2)
    assert gradient.is_cuda
    assert torch.func.jacrev(torch.exp)(x).shape == (3, 3)


def test_a_number_from_the_host_is_moved(events_of: Run) -> None:
    x = torch.ones(3, device="cuda", requires_grad=True)
    assert events_of(lambda: (x * 2).sum().backward(torch.tensor(3.0))) == [("H2D", "copy_")]
    assert x.grad.tolist() == [6.0] * 3
    gradients = [x.detach(), None]
    assert events_of(lambda: torch.autograd.backward([x * 2, (x * 3).sum()], gradients)) == []
