"""Which of the thousand timesteps a sampler visits, and the coefficients there."""

from __future__ import annotations

import numpy as np
import torch


def make_ddim_timesteps(num_ddim_timesteps: int, num_ddpm_timesteps: int) -> np.ndarray:
    """Evenly spaced timesteps from 1 upwards, (S,).

    A number of steps that does not divide the schedule gives one or two more than asked for, as published; those that
    would lie behind its end are left out.
    """
    spacing = num_ddpm_timesteps // num_ddim_timesteps
    timesteps = np.asarray(list(range(0, num_ddpm_timesteps, spacing))) + 1
    return timesteps[timesteps < num_ddpm_timesteps]


def make_ddim_sampling_parameters(
    alphacums: torch.Tensor, ddim_timesteps: np.ndarray, eta: float
) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    """Sigmas, alphas and the alphas of the step before, (S,) each: equation 16 of DDIM, arXiv 2010.02502."""
    alphas = alphacums[ddim_timesteps]
    alphas_prev = np.asarray([alphacums[0], *alphacums[ddim_timesteps[:-1]].tolist()])
    sigmas = eta * np.sqrt((1 - alphas_prev) / (1 - alphas.numpy()) * (1 - alphas.numpy() / alphas_prev))
    return torch.from_numpy(sigmas), alphas, alphas_prev


def noise_like(shape: torch.Size, device: torch.device) -> torch.Tensor:
    """Standard normal noise."""
    return torch.randn(shape, device=device)
