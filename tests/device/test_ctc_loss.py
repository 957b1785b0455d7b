"""``ctc_loss`` by lists and tensors of lengths, forwards and backwards."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from sdprof.device import Simulation, to_host
from sdprof.device.ctc_loss import SHOWS_TARGETS

TABLE, MEAN = ("H2D", "_ctc_loss"), ("H2D", "copy_")
TARGETS_TO_HOST = [("D2H", "_to_copy")] * SHOWS_TARGETS


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize(
    ("lengths", "events"),
    [
        (lambda *numbers: numbers, [*TARGETS_TO_HOST, *[TABLE] * 3, MEAN]),
        (lambda *numbers: torch.tensor(numbers), [*TARGETS_TO_HOST * 2, *[TABLE] * 3, MEAN]),
    ],
)
def test_events_and_values(lengths, events: list[tuple[str, str]], inference: bool, device: Simulation) -> None:
    torch.manual_seed(0)
    scores, targets = torch.randn(10, 2, 5).log_softmax(2), torch.randint(1, 5, (2, 3))
    on_device = scores.to("cuda").requires_grad_(), targets.to("cuda")
    scores.requires_grad_()
    before = len(device.events)
    with torch.inference_mode(inference):
        loss = F.ctc_loss(*on_device, lengths(10, 9), lengths(3, 2))
        plain = F.ctc_loss(scores, targets, lengths(10, 9), lengths(3, 2))
    seen = [(event.kind, event.operator.removeprefix("aten::")) for event in device.events[before:]]
    assert seen == events
    assert torch.equal(to_host(loss), plain.detach())
    if not inference:
        loss.backward()
        plain.backward()
        assert [event.operator for event in device.events[before + len(events) :]] == ["aten::_ctc_loss_backward"] * 3
        assert torch.equal(to_host(on_device[0].grad), scores.grad)
