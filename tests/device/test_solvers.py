"""Solvers in the styles of several libraries (tests/loops/solvers.py), annotated from reading."""

from __future__ import annotations

import pytest
import torch

from sdprof.device import simulate, to_host
from tests.device.annotated import expected_events, seen_events
from tests.loops import solvers

STEPS = 4
LOOPS = (
    "flow_with_a_dataclass",
    "multistep_with_a_callback",
    "a_generator_for_each_picture",
    "timesteps_looked_up",
)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", LOOPS)
def test_events_and_values(name: str, mode: type) -> None:
    loop = getattr(solvers, name)
    with mode(), simulate() as device:
        outputs = loop("cuda", STEPS)
    seen = seen_events(solvers, [event for event in device.events if event.frames[0].function != "make"])
    assert seen == expected_events(solvers, name, STEPS)
    with mode():
        assert torch.equal(to_host(outputs), loop("cpu", STEPS))
