"""Loops that nothing was tuned on: every event on its line, none elsewhere, and the CPU run's bits."""

from __future__ import annotations

import pytest
import torch

from sdprof.device import simulate, to_host
from tests.device import odd_loops
from tests.device.annotated import expected_events, seen_events

STEPS = 4
VISITS = {"edm_heun": STEPS - 1}
"""A loop over neighbouring pairs goes round once less."""
LOOPS = [
    "karras_euler",
    "edm_heun",
    "guided_with_dynamic_threshold",
    "inpainting",
    "host_schedule",
    "chatty",
    "sparse_events",
    "clean",
]


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", LOOPS)
def test_events_and_values(name: str, mode: type) -> None:
    loop = getattr(odd_loops, name)
    with mode(), simulate() as device:
        torch.manual_seed(1)
        outputs = loop("cuda", STEPS)
    expected = expected_events(odd_loops, name, VISITS.get(name, STEPS)) + expected_events(odd_loops, "make_model", 1)
    assert seen_events(odd_loops, device.events) == expected
    with mode():
        torch.manual_seed(1)
        assert torch.equal(to_host(outputs), loop("cpu", STEPS))


def test_a_clean_loop_has_no_event_after_its_model_was_moved() -> None:
    with torch.no_grad(), simulate() as device:
        odd_loops.clean("cuda", STEPS)
    assert [event for event in device.events if event.frames[0].function != "make_model"] == []
