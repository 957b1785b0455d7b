"""What the samplers share: the tables that they look their coefficients up in."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from latent_diffusion.diffusion import Conditioning, LatentDiffusion
from latent_diffusion.sampling_schedule import make_ddim_sampling_parameters, make_ddim_timesteps, noise_like


class Sampler:
    """A model, and the tables for a number of steps."""

    def __init__(self, model: LatentDiffusion) -> None:
        self.model = model
        self.ddpm_num_timesteps = model.num_timesteps

    def register_buffer(self, name: str, attr: Any) -> None:
        """Keep a table; tensors go to the model's device."""
        if isinstance(attr, torch.Tensor) and attr.device != self.model.betas.device:
            attr = attr.to(self.model.betas.device)
        setattr(self, name, attr)

    def make_schedule(self, ddim_num_steps: int, ddim_eta: float = 0.0) -> None:
        """Make all tables for a number of steps."""
        self.ddim_timesteps = make_ddim_timesteps(ddim_num_steps, self.ddpm_num_timesteps)
        alphas_cumprod = self.model.alphas_cumprod

        def to_torch(x: Any) -> torch.Tensor:
            return torch.as_tensor(x).clone().detach().to(torch.float32).to(self.model.betas.device)

        self.register_buffer("betas", to_torch(self.model.betas))
        self.register_buffer("alphas_cumprod", to_torch(alphas_cumprod))
        self.register_buffer("alphas_cumprod_prev", to_torch(self.model.alphas_cumprod_prev))
        self.register_buffer("sqrt_alphas_cumprod", to_torch(np.sqrt(alphas_cumprod.cpu().numpy())))
        self.register_buffer("sqrt_one_minus_alphas_cumprod", to_torch(np.sqrt(1.0 - alphas_cumprod.cpu().numpy())))
        self.register_buffer("log_one_minus_alphas_cumprod", to_torch(np.log(1.0 - alphas_cumprod.cpu().numpy())))
        self.register_buffer("sqrt_recip_alphas_cumprod", to_torch(np.sqrt(1.0 / alphas_cumprod.cpu().numpy())))
        self.register_buffer("sqrt_recipm1_alphas_cumprod", to_torch(np.sqrt(1.0 / alphas_cumprod.cpu().numpy() - 1)))

        ddim_sigmas, ddim_alphas, ddim_alphas_prev = make_ddim_sampling_parameters(
            alphas_cumprod.cpu(), self.ddim_timesteps, ddim_eta
        )
        self.register_buffer("ddim_sigmas", ddim_sigmas)
        self.register_buffer("ddim_alphas", ddim_alphas)
        self.register_buffer("ddim_alphas_prev", ddim_alphas_prev)
        self.register_buffer("ddim_sqrt_one_minus_alphas", torch.sqrt(1.0 - ddim_alphas))

    def get_model_output(
        self,
        x: torch.Tensor,
        t: torch.Tensor,
        c: Conditioning,
        unconditional_guidance_scale: float,
        unconditional_conditioning: torch.Tensor | None,
    ) -> torch.Tensor:
        """The predicted noise with classifier-free guidance, arXiv 2207.12598: (B, 4, H, W) → (B, 4, H, W)."""
        if unconditional_conditioning is None or unconditional_guidance_scale == 1.0:
            return self.model.apply_model(x, t, c)
        x_in = torch.cat([x] * 2)
        t_in = torch.cat([t] * 2)
        c_in = torch.cat([unconditional_conditioning, c])
        e_t_uncond, e_t = self.model.apply_model(x_in, t_in, c_in).chunk(2)
        return e_t_uncond + unconditional_guidance_scale * (e_t - e_t_uncond)

    def get_x_prev_and_pred_x0(
        self, x: torch.Tensor, e_t: torch.Tensor, index: int, temperature: float = 1.0
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """One step back along the direction that the noise points: equation 12 of DDIM, arXiv 2010.02502."""
        b, device = x.shape[0], x.device
        a_t = torch.full((b, 1, 1, 1), self.ddim_alphas[index], device=device)
        a_prev = torch.full((b, 1, 1, 1), self.ddim_alphas_prev[index], device=device)
        sigma_t = torch.full((b, 1, 1, 1), self.ddim_sigmas[index], device=device)
        sqrt_one_minus_at = torch.full((b, 1, 1, 1), self.ddim_sqrt_one_minus_alphas[index], device=device)

        pred_x0 = (x - sqrt_one_minus_at * e_t) / a_t.sqrt()
        dir_xt = (1.0 - a_prev - sigma_t**2).sqrt() * e_t
        noise = sigma_t * noise_like(x.shape, device) * temperature
        x_prev = a_prev.sqrt() * pred_x0 + dir_xt + noise
        return x_prev, pred_x0
