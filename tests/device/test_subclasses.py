"""Tensors of the user's own class."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sdprof.device import Simulation, to_host
from tests.device.conftest import Run


class Picture(Tensor):
    @staticmethod
    def of(tensor: Tensor) -> Picture:
        return tensor.as_subclass(Picture)

    @property
    def height(self) -> int:
        return self.shape[-2]


WORK: list[Callable[[Tensor], Tensor]] = [
    lambda x: x * 2 + 1,
    lambda x: torch.cat([x, x]),
    lambda x: x.clone().add_(1).unsqueeze_(0),
    lambda x: torch.zeros_like(x) + x,
    lambda x: F.conv2d(x[None], torch.ones(1, 1, 2, 2).to(x)),
    lambda x: F.scaled_dot_product_attention(x, x, x),
    lambda x: x[x > 0],
]


@pytest.mark.parametrize("work", WORK)
def test_results_keep_the_class(work: Callable[[Tensor], Tensor], device: Simulation) -> None:
    torch.manual_seed(0)
    host = torch.randn(1, 4, 4)
    result = work(Picture.of(host.to("cuda")))
    assert isinstance(result, Picture)
    assert type(result).__name__ == "Picture"
    assert result.is_cuda
    assert torch.equal(to_host(result), work(host))


def test_ways_in_and_out(device: Simulation) -> None:
    picture = Picture.of(torch.ones(3, 2))
    moved = picture.to("cuda")
    assert isinstance(moved, Picture)
    assert moved.height == 3
    back = moved.cpu()
    assert type(back) is Picture
    assert not isinstance(moved.as_subclass(Tensor), Picture)
    assert [event.kind for event in device.events] == ["H2D", "D2H"]


def test_waits_views_and_gradients(device: Simulation, events_of: Run) -> None:
    x = torch.ones(2, 2, device="cuda")
    picture = Picture.of(x)
    assert events_of(lambda: picture.sum().item()) == [("SYNC", "_local_scalar_dense")]
    picture[0] = 0
    assert to_host(x).tolist() == [[0, 0], [1, 1]]
    weight = nn.Parameter(x.clone())
    Picture.of(weight).pow(2).sum().backward()
    assert to_host(weight.grad).tolist() == [[0, 0], [2, 2]]
    grown = Picture.of(torch.empty(0, device="cuda"))
    assert torch.add(x, 1, out=grown) is grown
    assert grown.shape == (2, 2)
