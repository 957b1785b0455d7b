"""Diffusers' schedulers, counted by reading them: which table entry is read by the host, how often."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from sdprof.device import Simulation, to_host


def sample(scheduler: Any, device: str, steps: int, simulation: Simulation | None = None) -> torch.Tensor:
    from diffusers import UNet2DConditionModel

    torch.manual_seed(0)
    unet = UNet2DConditionModel(
        sample_size=8,
        in_channels=4,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=8,
        attention_head_dim=4,
        norm_num_groups=4,
    )
    unet.to(device).eval()
    scheduler.set_timesteps(steps, device=device)
    x = torch.randn(1, 4, 8, 8, device=device)
    context = torch.randn(1, 4, 8, device=device)
    for step, t in enumerate(scheduler.timesteps):
        if simulation is not None:
            simulation.step = step
        x = scheduler.step(unet(scheduler.scale_model_input(x, t), t, context).sample, t, x).prev_sample
    return x


@pytest.mark.parametrize(
    ("name", "expected", "in_steps"),
    [
        # Each step reads alphas_cumprod[t] and, but for the last, alphas_cumprod[t_prev], in step() and again in
        # _get_variance(): 6 × 2 + 5 × 2, and once more each for the two comparisons prev_timestep >= 0 (6 × 2).
        ("DDIMScheduler", 34, range(6)),
        # 12 Runge-Kutta calls and 3 multistep calls. _get_prev_sample() indexes the table by timestep, which is a
        # device tensor in the multistep calls alone (3), and compares prev_timestep with 0 and indexes by it (29).
        ("PNDMScheduler", 32, range(15)),
        # index_for_timestep() in the first step: nonzero(), and the choice among its results as a number.
        ("DPMSolverMultistepScheduler", 2, range(1)),
        ("EulerDiscreteScheduler", 2, range(1)),
        ("EulerAncestralDiscreteScheduler", 2, range(1)),
        ("HeunDiscreteScheduler", 2, range(1)),
        ("KDPM2DiscreteScheduler", 2, range(1)),
        ("LMSDiscreteScheduler", 2, range(1)),
        ("DEISMultistepScheduler", 2, range(1)),
    ],
)
def test_waits_in_the_loop(name: str, expected: int, in_steps: range, device: Simulation) -> None:
    import diffusers

    with torch.no_grad():
        outputs = sample(getattr(diffusers, name)(), "cuda", 6, device)
        plain = sample(getattr(diffusers, name)(), "cpu", 6)
    in_loop = [event for event in device.events if event.step >= 0]
    assert Counter(event.kind for event in in_loop) == {"SYNC": expected}
    assert {event.step for event in in_loop} == set(in_steps)
    assert torch.equal(to_host(outputs), plain)
    for event in in_loop:
        assert event.expression.library
        assert Path(event.expression.file).name.startswith("scheduling_")
        assert event.user_expression.function == "sample"


def test_a_scheduler_that_moves_its_sigmas_and_solves(device: Simulation) -> None:
    """UniPC of order 2.

    index_for_timestep() in the first step, 2 waits. Each prediction moves two sigmas and, of order 2, a third: 6 × 2
    and 4 in the steps between the first and the last. The corrector of all but the first step does the same by the
    order of the step before: 5 × 2 and 4; of order 2 it solves for its weights, and torch.linalg.solve() waits: 4.
    """
    from diffusers import UniPCMultistepScheduler

    with torch.no_grad():
        outputs = sample(UniPCMultistepScheduler(), "cuda", 6, device)
        plain = sample(UniPCMultistepScheduler(), "cpu", 6)
    in_loop = [event for event in device.events if event.step >= 0]
    assert Counter(event.kind for event in in_loop) == {"H2D": 30, "SYNC": 6}
    assert torch.equal(to_host(outputs), plain)
