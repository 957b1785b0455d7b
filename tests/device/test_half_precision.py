"""Half precision where the CPU has none."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from sdprof.device import Simulation, to_host

CASES: list[Callable[[Tensor], Tensor]] = [
    lambda x: F.interpolate(x, scale_factor=0.5, mode="bilinear", antialias=True),
    lambda x: F.interpolate(x, scale_factor=0.5, mode="bicubic", antialias=True),
    lambda x: torch.fft.ifftn(torch.fft.fftn(x, dim=(-2, -1)), dim=(-2, -1)).real,
    lambda x: torch.fft.irfft2(torch.fft.rfft2(x)),
]


@pytest.mark.parametrize("work", CASES)
def test_it_is_single_precision_rounded(work: Callable[[Tensor], Tensor], device: Simulation) -> None:
    torch.manual_seed(0)
    x = torch.rand(1, 2, 8, 8)
    half = work(x.to("cuda", torch.float16).requires_grad_())
    assert half.dtype == torch.float16
    torch.testing.assert_close(to_host(half).float(), work(x), atol=2e-3, rtol=2e-3)
    half.float().sum().backward()
    assert torch.equal(to_host(work(x.to("cuda"))), work(x))


def test_cufft_takes_powers_of_two_alone(device: Simulation) -> None:
    x = torch.ones(2, 12, device="cuda", dtype=torch.float16)
    with pytest.raises(RuntimeError, match=r"powers of two when computing in half precision.*size of\[12\]"):
        torch.fft.fft(x)
    assert torch.fft.fft(x, dim=0).dtype == torch.complex32
