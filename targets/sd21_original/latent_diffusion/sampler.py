"""What the samplers share: guidance, and the tables that they look their coefficients up in."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch

from latent_diffusion.diffusion import LatentDiffusion
from latent_diffusion.sampling_schedule import make_ddim_sampling_parameters, make_ddim_timesteps

TABLES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "sqrt_alphas_cumprod": np.sqrt,
    "sqrt_one_minus_alphas_cumprod": lambda alphas: np.sqrt(1 - alphas),
    "log_one_minus_alphas_cumprod": lambda alphas: np.log(1 - alphas),
    "sqrt_recip_alphas_cumprod": lambda alphas: np.sqrt(1 / alphas),
    "sqrt_recipm1_alphas_cumprod": lambda alphas: np.sqrt(1 / alphas - 1),
}
"""Of all trained timesteps, each from the products of the alphas."""


class Guidance(NamedTuple):
    """Classifier-free guidance: Ho and Salimans, arXiv 2207.12598."""

    conditioning: torch.Tensor
    """The prompt's embedding, (B, M, D)."""
    scale: float = 1.0
    """How far to go from the prediction without a prompt to the one with it; 1 needs the latter alone."""
    unconditional: torch.Tensor | None = None
    """The empty prompt's embedding, (B, M, D)."""


class Sampler:
    """A model, and the tables for a number of steps."""

    def __init__(self, model: LatentDiffusion) -> None:
        self.model = model

    def timesteps_visited(self, steps: int) -> int:
        """How many timesteps a run of so many steps really has: more where the steps do not divide the schedule."""
        return len(make_ddim_timesteps(steps, self.model.num_timesteps))

    def keep(self, name: str, table: torch.Tensor | np.ndarray) -> None:
        """Make a table an attribute; a tensor goes to the model's device, an array stays one."""
        setattr(self, name, table.to(self.model.betas.device) if isinstance(table, torch.Tensor) else table)

    def make_schedule(self, steps: int, eta: float = 0.0) -> None:
        """Make all tables for a number of steps."""
        model = self.model
        self.ddim_timesteps = make_ddim_timesteps(steps, model.num_timesteps)
        for name in ("betas", "alphas_cumprod", "alphas_cumprod_prev"):
            self.keep(name, getattr(model, name).clone())
        for name, formula in TABLES.items():
            self.keep(name, torch.from_numpy(formula(model.alphas_cumprod.cpu().numpy())))

        sigmas, alphas, alphas_prev = make_ddim_sampling_parameters(
            model.alphas_cumprod.cpu(), self.ddim_timesteps, eta
        )
        self.keep("ddim_sigmas", sigmas)
        self.keep("ddim_alphas", alphas)
        self.keep("ddim_alphas_prev", alphas_prev)
        self.keep("ddim_sqrt_one_minus_alphas", (1 - alphas).sqrt())

    def get_model_output(self, x: torch.Tensor, t: torch.Tensor, guidance: Guidance) -> torch.Tensor:
        """What the model predicts, guided: (B, 4, H, W) → (B, 4, H, W)."""
        if guidance.scale == 1.0 or guidance.unconditional is None:
            return self.model.apply_model(x, t, guidance.conditioning)
        twice = self.model.apply_model(
            torch.cat([x] * 2),
            torch.cat([t] * 2),
            torch.cat([guidance.unconditional, guidance.conditioning]),
        )
        without_prompt, with_prompt = torch.chunk(twice, 2)
        return without_prompt + guidance.scale * (with_prompt - without_prompt)

    def get_x_prev_and_pred_x0(
        self, x: torch.Tensor, noise: torch.Tensor, index: int, temperature: float = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One step along the predicted noise, and where its straight line would end: equation 12 of DDIM.

        :param index: of the step in the tables, counted from the end of the way.
        """
        per_image = (x.shape[0], 1, 1, 1)
        alpha = torch.full(per_image, self.ddim_alphas[index], device=x.device)
        alpha_prev = torch.full(per_image, self.ddim_alphas_prev[index], device=x.device)
        sigma = torch.full(per_image, self.ddim_sigmas[index], device=x.device)
        noise_level = torch.full(per_image, self.ddim_sqrt_one_minus_alphas[index], device=x.device)

        pred_x0 = (x - noise_level * noise) / alpha.sqrt()
        direction = (1 - alpha_prev - sigma**2).sqrt() * noise
        fresh_noise = sigma * torch.randn(x.shape, device=x.device) * temperature
        return alpha_prev.sqrt() * pred_x0 + direction + fresh_noise, pred_x0
