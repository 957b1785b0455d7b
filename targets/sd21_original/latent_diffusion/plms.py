"""Pseudo linear multistep sampling: Liu et al., arXiv 2202.09778."""

from __future__ import annotations

import numpy as np
import torch
from tqdm import tqdm

from latent_diffusion.diffusion import Conditioning, LatentDiffusion
from latent_diffusion.sampler import Sampler


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
        conditioning: Conditioning,
        unconditional_guidance_scale: float = 1.0,
        unconditional_conditioning: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Noise (B, 4, H, W) → latents (B, 4, H, W)."""
        self.make_schedule(steps)
        return self.plms_sampling(conditioning, start_noise, unconditional_guidance_scale, unconditional_conditioning)

    @torch.no_grad()
    def plms_sampling(
        self,
        cond: Conditioning,
        start_noise: torch.Tensor,
        unconditional_guidance_scale: float,
        unconditional_conditioning: torch.Tensor | None,
    ) -> torch.Tensor:
        """Go through the timesteps from the last to the first."""
        img = start_noise
        b, device = img.shape[0], img.device
        time_range = np.flip(self.ddim_timesteps)
        total_steps = self.ddim_timesteps.shape[0]
        print(f"Running PLMS Sampling with {total_steps} timesteps")
        iterator = tqdm(time_range, desc="PLMS Sampler", total=total_steps)
        old_eps: list[torch.Tensor] = []

        for i, step in enumerate(iterator):
            index = total_steps - i - 1
            ts = torch.full((b,), step, device=device, dtype=torch.long)
            ts_next = torch.full((b,), time_range[min(i + 1, len(time_range) - 1)], device=device, dtype=torch.long)
            img, _pred_x0, e_t = self.p_sample_plms(
                img,
                cond,
                ts,
                index=index,
                unconditional_guidance_scale=unconditional_guidance_scale,
                unconditional_conditioning=unconditional_conditioning,
                old_eps=old_eps,
                t_next=ts_next,
            )
            old_eps.append(e_t)
            if len(old_eps) >= 4:
                old_eps.pop(0)
        return img

    @torch.no_grad()
    def p_sample_plms(
        self,
        x: torch.Tensor,
        c: Conditioning,
        t: torch.Tensor,
        index: int,
        unconditional_guidance_scale: float,
        unconditional_conditioning: torch.Tensor | None,
        old_eps: list[torch.Tensor],
        t_next: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """One step: the next latents, the predicted end of the way, and the predicted noise."""
        guidance = (c, unconditional_guidance_scale, unconditional_conditioning)
        e_t = self.get_model_output(x, t, *guidance)
        if len(old_eps) == 0:
            # Pseudo improved Euler: second order
            x_prev, _ = self.get_x_prev_and_pred_x0(x, e_t, index)
            e_t_next = self.get_model_output(x_prev, t_next, *guidance)
            e_t_prime = (e_t + e_t_next) / 2
        elif len(old_eps) == 1:
            # Adams–Bashforth of second order, then third, then fourth
            e_t_prime = (3 * e_t - old_eps[-1]) / 2
        elif len(old_eps) == 2:
            e_t_prime = (23 * e_t - 16 * old_eps[-1] + 5 * old_eps[-2]) / 12
        else:
            e_t_prime = (55 * e_t - 59 * old_eps[-1] + 37 * old_eps[-2] - 9 * old_eps[-3]) / 24
        x_prev, pred_x0 = self.get_x_prev_and_pred_x0(x, e_t_prime, index)
        return x_prev, pred_x0, e_t
