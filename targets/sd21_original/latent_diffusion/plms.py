"""Pseudo linear multistep sampling: Liu et al., arXiv 2202.09778."""

from __future__ import annotations

import torch
from tqdm import tqdm

from latent_diffusion.diffusion import LatentDiffusion
from latent_diffusion.sampler import Guidance, Sampler

REMEMBERED = 3
"""Predictions before the present one that the fourth order needs."""


def adams_bashforth(noise: torch.Tensor, earlier: list[torch.Tensor]) -> torch.Tensor:
    """The linear multistep formula of second to fourth order, by how many predictions are remembered.

    :param earlier: one to three of them, the latest last.
    """
    if len(earlier) == 1:
        return (3 * noise - earlier[-1]) / 2
    if len(earlier) == 2:
        return (23 * noise - 16 * earlier[-1] + 5 * earlier[-2]) / 12
    return (55 * noise - 59 * earlier[-1] + 37 * earlier[-2] - 9 * earlier[-3]) / 24


class PLMSSampler(Sampler):
    """Remembers the noise of the last three steps, and calls the model once a step, twice on the first."""

    def __init__(self, model: LatentDiffusion) -> None:
        if model.parameterization != "eps":
            raise ValueError(
                f"PLMS needs a model that predicts noise (eps), and this one predicts {model.parameterization}: "
                "sample with --set sampler=ddim, or load the 512-base checkpoint."
            )
        super().__init__(model)

    @torch.no_grad()
    def sample(
        self,
        steps: int,
        start_noise: torch.Tensor,
        conditioning: torch.Tensor,
        guidance_scale: float = 1.0,
        unconditional: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Noise (B, 4, H, W) → latents (B, 4, H, W)."""
        self.make_schedule(steps)
        return self.plms_sampling(start_noise, Guidance(conditioning, guidance_scale, unconditional))

    @torch.no_grad()
    def plms_sampling(self, latents: torch.Tensor, guidance: Guidance) -> torch.Tensor:
        """Go through the timesteps from the last to the first: (B, 4, H, W) → (B, 4, H, W)."""
        timesteps = self.ddim_timesteps[::-1]
        print(f"Running PLMS Sampling with {len(timesteps)} timesteps")
        progress = tqdm(timesteps, desc="PLMS Sampler")
        earlier: list[torch.Tensor] = []
        for done, timestep in enumerate(progress):
            following = timesteps[min(done + 1, len(timesteps) - 1)]
            t = torch.full(latents.shape[:1], timestep, dtype=torch.int64, device=latents.device)
            t_next = torch.full(latents.shape[:1], following, dtype=torch.int64, device=latents.device)
            index = len(timesteps) - done - 1
            latents, _, noise = self.p_sample_plms(latents, t, t_next, index, earlier, guidance)
            earlier = [*earlier, noise][-REMEMBERED:]
        return latents

    @torch.no_grad()
    def p_sample_plms(
        self,
        x: torch.Tensor,
        t: torch.Tensor,
        t_next: torch.Tensor,
        index: int,
        earlier: list[torch.Tensor],
        guidance: Guidance,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """One step: the next latents, the predicted end of the way, and the predicted noise.

        The first step has nothing to remember, and takes the second-order pseudo improved Euler method instead.
        """
        noise = self.get_model_output(x, t, guidance)
        if earlier:
            combined = adams_bashforth(noise, earlier)
        else:
            trial, _ = self.get_x_prev_and_pred_x0(x, noise, index)
            combined = (noise + self.get_model_output(trial, t_next, guidance)) / 2
        return *self.get_x_prev_and_pred_x0(x, combined, index), noise
