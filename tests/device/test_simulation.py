"""The simulated device as a whole: whole loops, their events and their values."""

from __future__ import annotations

import pytest
import torch

from sdprof.device import simulate, to_host
from tests.device import toy_loop
from tests.device.annotated import expected_events, seen_events

STEPS = 5


def test_every_event_of_the_toy_loop_is_found_and_none_is_invented() -> None:
    with torch.no_grad(), simulate() as device:
        toy_loop.sample("cuda", STEPS)
    expected = expected_events(toy_loop, "sample", STEPS)
    assert sum(expected.values()) == 82
    assert seen_events(toy_loop, device.events) == expected


def test_the_toy_loop_gives_the_bits_of_the_cpu_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with torch.no_grad(), simulate():
        outputs = toy_loop.sample("cuda", STEPS)
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: tensor)  # a CPU-only build cannot
    with torch.no_grad():
        plain = toy_loop.sample("cpu", STEPS)
    assert torch.equal(to_host(outputs), plain)
