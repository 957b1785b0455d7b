"""Operators that PyTorch puts together in more than one way: the simulated device goes the CPU run's."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sdprof.device import Simulation, to_host

MODES = [torch.enable_grad, torch.no_grad, torch.inference_mode]
SVD, EIGH = ("SYNC", "aten::_linalg_svd"), ("SYNC", "aten::_linalg_eigh")
CASES: list[tuple[Callable[[Tensor], Tensor], list[tuple[str, str]]]] = [
    (torch.linalg.svdvals, [SVD]),
    (lambda x: torch.linalg.norm(x, 2), [SVD]),
    (lambda x: torch.linalg.norm(x, "nuc"), [SVD]),
    (torch.linalg.cond, [SVD]),
    (torch.linalg.matrix_rank, [SVD]),
    (lambda x: torch.linalg.eigvalsh(x @ x.T), [EIGH]),
    (lambda x: F.interpolate(x[None, None], scale_factor=1.7, mode="bicubic"), []),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize(("work", "expected"), CASES)
def test_values_and_waits(
    work: Callable[[Tensor], Tensor],
    expected: list[tuple[str, str]],
    requires_grad: bool,
    mode: Callable[[], AbstractContextManager[None]],
    device: Simulation,
) -> None:
    torch.manual_seed(0)
    x = torch.randn(9, 9)
    on_device = x.to("cuda").requires_grad_(requires_grad)
    before = len(device.events)
    with mode():
        plain = work(x.requires_grad_(requires_grad)).detach()
        result = work(on_device)
    assert [(event.kind, event.operator) for event in device.events[before:]] == expected
    assert torch.equal(to_host(result), plain)


def test_forward_mode_asks_for_the_vectors(device: Simulation) -> None:
    x = torch.eye(3, device="cuda")
    _, derivative = torch.func.jvp(torch.linalg.eigvalsh, (x,), (torch.ones_like(x),))
    assert derivative.shape == (3,)
