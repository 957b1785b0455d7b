"""PLMS with its whole step as one graph: model, guidance, multistep formula and update.

The article compiled the UNet alone and asked for this. Nothing in a step depends on its number: coefficients come as
rows of tables on the device, and the linear multistep formula is a weighted sum over a history of fixed length, whose
missing predictions have weight zero. So there are two graphs, the first step's and all others', however many steps.
"""

from __future__ import annotations

import torch
from latent_diffusion.diffusion import LatentDiffusion
from latent_diffusion.plms import REMEMBERED, PLMSSampler
from latent_diffusion.sampler import Guidance

ADAMS_BASHFORTH = torch.tensor([[3, -1, 0, 0], [23, -16, 5, 0], [55, -59, 37, -9]], dtype=torch.float64) / torch.tensor(
    [[2], [12], [24]], dtype=torch.float64
)
"""Weights of the present prediction and of the three before it, the latest first, by how many there are."""


class CompiledPLMSSampler(PLMSSampler):
    """Computes what ``PLMSSampler`` does, but draws no noise to multiply with zero."""

    def __init__(self, model: LatentDiffusion) -> None:
        super().__init__(model)
        self._first = torch.compile(self.first_step, dynamic=False, fullgraph=True)
        self._later = torch.compile(self.later_step, dynamic=False, fullgraph=True)

    @torch.no_grad()
    def plms_sampling(self, latents: torch.Tensor, guidance: Guidance) -> torch.Tensor:
        """Go through the timesteps from the last to the first: (B, 4, H, W) → (B, 4, H, W)."""
        device = latents.device
        context = torch.cat([guidance.unconditional, guidance.conditioning])
        alphas, alphas_prev = self.ddim_alphas.cpu().double(), torch.from_numpy(self.ddim_alphas_prev)
        table = torch.stack((alphas.sqrt(), (1 - alphas).sqrt(), alphas_prev.sqrt(), (1 - alphas_prev).sqrt()), dim=1)
        coefficients = table.flip(0).float().to(device)
        weights = ADAMS_BASHFORTH.float().to(device)
        timesteps = torch.from_numpy(self.ddim_timesteps[::-1].copy()).to(device)
        history = latents.new_zeros(REMEMBERED, *latents.shape)
        for done in range(len(timesteps)):
            at = timesteps[done].expand(len(latents))
            if done == 0:
                following = timesteps[min(1, len(timesteps) - 1)].expand(len(latents))
                latents, history = self._first(
                    latents, history, at, following, coefficients[0], context, guidance.scale
                )
            else:
                row = weights[min(done, REMEMBERED) - 1]
                latents, history = self._later(latents, history, at, coefficients[done], row, context, guidance.scale)
        return latents

    def first_step(
        self,
        x: torch.Tensor,
        history: torch.Tensor,
        t: torch.Tensor,
        t_next: torch.Tensor,
        coefficients: torch.Tensor,
        context: torch.Tensor,
        scale: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The pseudo improved Euler method: two calls of the model, as there is nothing to remember."""
        noise = self._guided(x, t, context, scale)
        trial = _update(x, noise, coefficients)
        combined = (noise + self._guided(trial, t_next, context, scale)) / 2
        return _update(x, combined, coefficients), _remember(history, noise)

    def later_step(
        self,
        x: torch.Tensor,
        history: torch.Tensor,
        t: torch.Tensor,
        coefficients: torch.Tensor,
        weights: torch.Tensor,
        context: torch.Tensor,
        scale: float,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One call of the model, and the formula over what is remembered.

        :param history: (3, B, 4, H, W), the latest first.
        :param weights: (4,), of the present prediction and of those.
        """
        noise = self._guided(x, t, context, scale)
        combined = weights[0] * noise + (weights[1:, None, None, None, None] * history).sum(0)
        return _update(x, combined, coefficients), _remember(history, noise)

    def _guided(self, x: torch.Tensor, t: torch.Tensor, context: torch.Tensor, scale: float) -> torch.Tensor:
        both = self.model.model.diffusion_model(torch.cat((x, x)), torch.cat((t, t)), context)
        without_prompt, with_prompt = both.chunk(2)
        return without_prompt + scale * (with_prompt - without_prompt)


def _update(x: torch.Tensor, noise: torch.Tensor, coefficients: torch.Tensor) -> torch.Tensor:
    """Equation 12 of DDIM without added noise; coefficients are √α, √(1 - α), √α', √(1 - α')."""
    signal, noise_level, next_signal, next_noise_level = coefficients.unbind()
    return next_signal * (x - noise_level * noise) / signal + next_noise_level * noise


def _remember(history: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
    return torch.cat((noise.unsqueeze(0).to(history.dtype), history[:-1]))
