"""Which of the thousand timesteps a sampler visits, and the coefficients there."""

from __future__ import annotations

import numpy as np
import torch


def make_ddim_timesteps(steps: int, trained_timesteps: int) -> np.ndarray:
    """Evenly spaced timesteps from 1 upwards, (S,).

    A number of steps that does not divide the schedule gives some more than asked for, as published; those that would
    lie behind its end are left out.
    """
    spacing = trained_timesteps // steps
    return np.arange(1, trained_timesteps, spacing)


def make_ddim_sampling_parameters(
    alphas_cumprod: torch.Tensor, timesteps: np.ndarray, eta: float
) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Sigmas, alphas, and the alphas of the step that follows, (S,) each: equation 16 of DDIM, arXiv 2010.02502.

    :param alphas_cumprod: of all trained timesteps, on the host.
    """
    alphas = alphas_cumprod[timesteps]
    alphas_prev = alphas_cumprod.numpy().astype(np.float64)[np.concatenate(([0], timesteps[:-1]))]
    variances = (1 - alphas_prev) / (1 - alphas.numpy()) * (1 - alphas.numpy() / alphas_prev)
    return torch.from_numpy(eta * np.sqrt(variances)), alphas, alphas_prev
