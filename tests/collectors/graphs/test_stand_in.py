from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionOutput

from sdprof.collectors.graphs.stand_in import record_call, standing_in, tensors_in


class Pair(NamedTuple):
    sample: torch.Tensor
    scale: float


@dataclass
class Out:
    sample: torch.Tensor
    note: str = "n"


class Net(torch.nn.Module):
    def __init__(self, wrap):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.full((3,), 2.0))
        self.wrap = wrap
        self.calls = 0

    def forward(self, x, *, t):
        self.calls += 1
        return self.wrap(x * self.weight + t)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda x: x,
        lambda x: (x, None),
        lambda x: [x],
        lambda x: {"sample": x, "n": 1},
        lambda x: Pair(x, 2.0),
        Out,
        lambda x: UNet2DConditionOutput(sample=x),
    ],
)
def test_it_answers_as_recorded_and_stays_tied_to_grad(wrap):
    net, x, t = Net(wrap), torch.ones(2, 3), torch.tensor([4])
    real = net(x, t=t)
    recorded = record_call((x,), {"t": t}, real)

    with standing_in(net, recorded):
        answer = net(x * 5, t=t)
        compiled = torch.compile(net, backend="eager", fullgraph=True)(x, t=t)
    for value in (answer, compiled):
        assert type(value) is type(real)
        (tensor,), (expected,) = tensors_in(value), tensors_in(real)
        assert torch.equal(tensor, expected)
        assert tensor.requires_grad
    assert net.calls == 1
    assert "forward" not in net.__dict__
    torch._dynamo.reset()


def test_other_shapes_go_to_the_module():
    net, t = Net(lambda x: x), torch.tensor([4])
    recorded = record_call((torch.ones(2, 3),), {"t": t}, net(torch.ones(2, 3), t=t))

    with standing_in(net, recorded):
        assert net(torch.ones(1, 3), t=t).shape == (1, 3)
    assert net.calls == 2


def test_a_module_with_a_forward_of_its_own_gets_it_back():
    net, x, t = Net(lambda x: x), torch.ones(2, 3), torch.tensor([4])
    recorded = record_call((x,), {"t": t}, net(x, t=t))
    own = net.forward = lambda x, *, t: x

    with standing_in(net, recorded):
        assert torch.equal(net(x, t=t), x * 2 + 4)
    assert net.forward is own


def test_what_was_made_in_inference_mode_can_be_used_with_grad():
    net, x, t = Net(lambda x: x), torch.ones(2, 3), torch.tensor([4])
    with torch.inference_mode():
        recorded = record_call((x,), {"t": t}, net(x, t=t))
    assert not recorded.output.is_inference()
    with standing_in(net, recorded):
        assert net(x, t=t).requires_grad
