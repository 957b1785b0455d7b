"""Denoising diffusion implicit models: Song et al., arXiv 2010.02502, without added noise."""

from __future__ import annotations

import numpy as np
import torch
from tqdm import tqdm

from latent_diffusion.diffusion import Conditioning
from latent_diffusion.sampler import Sampler


class DDIMSampler(Sampler):
    """One call of the model a step."""

    @torch.no_grad()
    def sample(
        self,
        steps: int,
        start_noise: torch.Tensor,
        conditioning: Conditioning,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Noise (B, 4, H, W) → latents (B, 4, H, W)."""
        self.make_schedule(steps)
        img = start_noise
        b, device = img.shape[0], img.device
        time_range = np.flip(self.ddim_timesteps)
        total_steps = self.ddim_timesteps.shape[0]
        print(f"Running DDIM Sampling with {total_steps} timesteps")
        for i, step in enumerate(tqdm(time_range, desc="DDIM Sampler", total=total_steps)):
            ts = torch.full((b,), step, device=device, dtype=torch.long)
            img, _ = self.p_sample_ddim(
                img,
                conditioning,
                ts,
                total_steps - i - 1,
                unconditional_guidance_scale,
                unconditional_conditioning,
            )
        return img

    @torch.no_grad()
    def p_sample_ddim(
        self,
        x: torch.Tensor,
        c: Conditioning,
        t: torch.Tensor,
        index: int,
        unconditional_guidance_scale: float,
        unconditional_conditioning: torch.Tensor | None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One step: the next latents and the predicted end of the way."""
        output = self.get_model_output(x, t, c, unconditional_guidance_scale, unconditional_conditioning)
        if self.model.parameterization == "v":
            output = self.predict_eps_from_v(x, output, index)
        return self.get_x_prev_and_pred_x0(x, output, index)

    def predict_eps_from_v(self, x: torch.Tensor, v: torch.Tensor, index: int) -> torch.Tensor:
        """Noise from velocity, v = sqrt(a) eps - sqrt(1 - a) x0: appendix D of arXiv 2202.00512."""
        a_t = torch.full((x.shape[0], 1, 1, 1), self.ddim_alphas[index], device=x.device)
        return a_t.sqrt() * v + (1.0 - a_t).sqrt() * x
