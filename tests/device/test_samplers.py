"""Loops as people write them (tests/loops/samplers.py): every event on its line, none elsewhere, the CPU run's bits."""

from __future__ import annotations

import pytest
import torch

from sdprof.device import simulate, to_host
from tests.device.annotated import expected_events, seen_events
from tests.loops import samplers

STEPS = 4
HELPERS = {"euler_ancestral": [("ancestral_step", STEPS)], "with_callbacks": [("preview", STEPS // 2)]}
LOOPS = (
    "euler_ancestral",
    "ddim_with_numpy_tables",
    "flow_with_a_python_list",
    "with_callbacks",
    "image_to_image_with_a_mask",
    "words_until_the_end",
    "multistep_by_timestep",
)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("name", LOOPS)
def test_events_and_values(name: str, mode: type) -> None:
    loop = getattr(samplers, name)
    with mode(), simulate() as device:
        torch.manual_seed(1)
        outputs = loop("cuda", STEPS)
    expected = expected_events(samplers, name, STEPS)
    for helper, visits in HELPERS.get(name, []):
        expected += expected_events(samplers, helper, visits)
    seen = seen_events(samplers, [event for event in device.events if event.frames[0].function != "make"])
    assert seen == expected
    with mode():
        torch.manual_seed(1)
        assert torch.equal(to_host(outputs), loop("cpu", STEPS))
