"""diffusers' schedulers as its Stable Diffusion 2.1 has them configured."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
    SchedulerMixin,
)
from latent_diffusion.diffusion import LINEAR_END, LINEAR_START, TIMESTEPS, Parameterization

PREDICTION_TYPES: dict[Parameterization, str] = {"eps": "epsilon", "v": "v_prediction"}


def _ddim(**schedule: Any) -> SchedulerMixin:
    return DDIMScheduler(clip_sample=False, set_alpha_to_one=False, **schedule)


def _pndm(**schedule: Any) -> SchedulerMixin:
    # Without its Runge-Kutta steps it is PLMS as published: twice the UNet on the first step, once on all others.
    return PNDMScheduler(skip_prk_steps=True, set_alpha_to_one=False, **schedule)


def _euler(**schedule: Any) -> SchedulerMixin:
    return EulerDiscreteScheduler(**schedule)


def _dpm_solver(**schedule: Any) -> SchedulerMixin:
    # Written for the noise prediction, it cannot end at a sigma of zero.
    return DPMSolverMultistepScheduler(algorithm_type="dpmsolver", final_sigmas_type="sigma_min", **schedule)


def _dpm_solver_plus_plus(**schedule: Any) -> SchedulerMixin:
    return DPMSolverMultistepScheduler(algorithm_type="dpmsolver++", **schedule)


SCHEDULERS: dict[str, Callable[..., SchedulerMixin]] = {
    "pndm": _pndm,
    "ddim": _ddim,
    "dpm-solver": _dpm_solver,
    "dpm-solver++": _dpm_solver_plus_plus,
    "euler": _euler,
}
"""By the name that ``--set sampler=`` takes."""


def make_scheduler(sampler: str, parameterization: Parameterization) -> SchedulerMixin:
    """The scheduler over the published noise schedule: timesteps evenly spaced from 1 upwards, as published."""
    return SCHEDULERS[sampler](
        num_train_timesteps=TIMESTEPS,
        beta_start=LINEAR_START,
        beta_end=LINEAR_END,
        beta_schedule="scaled_linear",
        prediction_type=PREDICTION_TYPES[parameterization],
        timestep_spacing="leading",
        steps_offset=1,
    )
