"""Denoising diffusion implicit models: Song et al., arXiv 2010.02502, without added noise."""

from __future__ import annotations

import torch
from tqdm import tqdm

from latent_diffusion.sampler import Guidance, Sampler


class DDIMSampler(Sampler):
    """One call of the model a step."""

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
        guidance = Guidance(conditioning, guidance_scale, unconditional)
        return self.ddim_sampling(start_noise, len(self.ddim_timesteps), guidance)

    @torch.no_grad()
    def stochastic_encode(self, latents: torch.Tensor, index: int, noise: torch.Tensor) -> torch.Tensor:
        """Noise latents as far as a step of the schedule, for image to image: equation 4 of DDIM.

        :param index: of the step in the tables, from 0 for the least noise. Call ``make_schedule`` first.
        """
        per_image = (latents.shape[0], 1, 1, 1)
        signal_level = torch.full(per_image, self.ddim_alphas[index].sqrt(), device=latents.device)
        noise_level = torch.full(per_image, self.ddim_sqrt_one_minus_alphas[index], device=latents.device)
        return signal_level * latents + noise_level * noise

    @torch.no_grad()
    def ddim_sampling(self, latents: torch.Tensor, steps: int, guidance: Guidance) -> torch.Tensor:
        """Go through the first so many timesteps of the schedule, from the last to the first.

        :param steps: all of them for text to image; fewer where the latents come from an image.
        """
        timesteps = self.ddim_timesteps[:steps][::-1]
        print(f"Running DDIM Sampling with {len(timesteps)} timesteps")
        progress = tqdm(timesteps, desc="DDIM Sampler")
        for done, timestep in enumerate(progress):
            index = len(timesteps) - done - 1
            t = torch.full(latents.shape[:1], timestep, dtype=torch.int64, device=latents.device)
            latents, _ = self.p_sample_ddim(latents, t, index, guidance)
        return latents

    @torch.no_grad()
    def p_sample_ddim(
        self, x: torch.Tensor, t: torch.Tensor, index: int, guidance: Guidance
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One step: the next latents and the predicted end of the way."""
        output = self.get_model_output(x, t, guidance)
        if self.model.parameterization == "v":
            output = self.predict_eps_from_v(x, output, index)
        return self.get_x_prev_and_pred_x0(x, output, index)

    def predict_eps_from_v(self, x: torch.Tensor, v: torch.Tensor, index: int) -> torch.Tensor:
        """Noise from velocity, v = sqrt(a) eps - sqrt(1 - a) x0: appendix D of arXiv 2202.00512."""
        alpha = torch.full((x.shape[0], 1, 1, 1), self.ddim_alphas[index], device=x.device)
        return alpha.sqrt() * v + (1 - alpha).sqrt() * x
