"""Loops as people write them, annotated from reading: every event on its line, none elsewhere, the CPU run's bits."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch

from sdprof.device import simulate, to_host
from tests.device import odd_loops, styled_loops
from tests.device.annotated import expected_events, seen_events
from tests.loops import samplers, score_models, solvers

STEPS = 4
LOOPS: dict[ModuleType, tuple[str, ...]] = {
    odd_loops: (
        "karras_euler",
        "edm_heun",
        "guided_with_dynamic_threshold",
        "inpainting",
        "host_schedule",
        "chatty",
        "sparse_events",
        "clean",
    ),
    styled_loops: (
        "as_generator",
        "asynchronous",
        "in_threads",
        "recursive",
        "sampler_class",
        "decorated",
        "reduced",
        "comprehended",
        "retried",
        "two_models_and_a_switch",
        "ordinary_differential_equation",
        "executed",
        "numpy_schedule",
        "by_default_device",
        "prefetched",
        "resumed_from_a_file",
        "recurrent_policy",
        "latents_of_their_own_class",
        "annealed_by_its_own_gradient",
    ),
    samplers: (
        "euler_ancestral",
        "ddim_with_numpy_tables",
        "flow_with_a_python_list",
        "with_callbacks",
        "image_to_image_with_a_mask",
        "words_until_the_end",
        "multistep_by_timestep",
    ),
    solvers: (
        "flow_with_a_dataclass",
        "multistep_with_a_callback",
        "a_generator_for_each_picture",
        "timesteps_looked_up",
    ),
    score_models: (
        "predictor_corrector",
        "ancestral_from_numpy_tables",
        "inpainting_with_resampling",
        "adaptive_steps",
        "training",
    ),
}
VISITS = {"edm_heun": STEPS - 1}
"""A loop over neighbouring pairs goes round once less."""
HELPERS = {
    "euler_ancestral": ("ancestral_step", STEPS),
    "with_callbacks": ("preview", STEPS // 2),
    "sampler_class": ("Sampler", STEPS),
    "ancestral_from_numpy_tables": ("extracted", 3 * STEPS),
    "inpainting_with_resampling": ("keep_known", 2 * STEPS),
}
"""A function that a loop calls, and how often."""
MODEL_MAKERS = ("make", "make_model")
MODES: dict[str, tuple[type, ...]] = {
    "training": (torch.enable_grad,),
    "annealed_by_its_own_gradient": (torch.enable_grad, torch.no_grad),
}
"""Where weights that are made in inference mode would be of no use."""
CASES = [
    pytest.param(module, name, mode, id=f"{name}-{mode.__name__}")
    for module, names in LOOPS.items()
    for name in names
    for mode in MODES.get(name, (torch.no_grad, torch.inference_mode))
]


@pytest.mark.parametrize(("module", "name", "mode"), CASES)
def test_events_and_values(module: ModuleType, name: str, mode: type) -> None:
    loop = getattr(module, name)
    with mode(), simulate() as device:
        torch.manual_seed(1)
        outputs = loop("cuda", STEPS)
    expected = expected_events(module, name, VISITS.get(name, STEPS))
    if name in HELPERS:
        expected += expected_events(module, *HELPERS[name])
    in_loop = [event for event in device.events if event.frames[0].function not in MODEL_MAKERS]
    assert seen_events(module, in_loop) == expected
    with mode():
        torch.manual_seed(1)
        assert torch.equal(to_host(outputs), loop("cpu", STEPS))


def test_moving_a_model_is_an_event_for_each_parameter() -> None:
    with simulate() as device:
        odd_loops.make_model("cuda")
    assert seen_events(odd_loops, device.events) == expected_events(odd_loops, "make_model", 1)
