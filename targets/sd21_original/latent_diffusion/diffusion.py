"""The diffusion model: UNet, autoencoder and noise schedule in one module, with the checkpoint's names."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from torch import nn

from latent_diffusion.autoencoder import AutoencoderKL
from latent_diffusion.sizes import Size
from latent_diffusion.unet import UNetModel

TIMESTEPS = 1000
LINEAR_START = 0.00085
LINEAR_END = 0.0120
SCALE_FACTOR = 0.18215
"""Makes the latents of natural images have about unit variance."""

Parameterization = Literal["eps", "v"]
Conditioning = torch.Tensor | list[torch.Tensor] | dict[str, list[torch.Tensor]]


def make_betas() -> np.ndarray:
    """The variances of the forward process: linear in their square roots. Float64, (1000,)."""
    return np.linspace(LINEAR_START**0.5, LINEAR_END**0.5, TIMESTEPS, dtype=np.float64) ** 2


class DiffusionWrapper(nn.Module):
    """Hands the conditioning to the UNet in the way that its kind asks for."""

    def __init__(self, diffusion_model: UNetModel) -> None:
        super().__init__()
        self.diffusion_model = diffusion_model

    def forward(self, x: torch.Tensor, t: torch.Tensor, c_crossattn: list[torch.Tensor]) -> torch.Tensor:
        """(B, 4, H, W), (B,), [(B, M, D)] → (B, 4, H, W)."""
        cc = torch.cat(c_crossattn, 1)
        return self.diffusion_model(x, t, context=cc)


class LatentDiffusion(nn.Module):
    """Everything between a prompt's embedding and an image."""

    def __init__(self, size: Size, *, use_fp16: bool, parameterization: Parameterization = "eps") -> None:
        super().__init__()
        self.parameterization = parameterization
        self.model = DiffusionWrapper(UNetModel(size.unet, use_fp16=use_fp16))
        self.first_stage_model = AutoencoderKL(size.autoencoder)
        self.num_timesteps = TIMESTEPS
        self.scale_factor = SCALE_FACTOR

    def register_schedule(self, device: torch.device) -> None:
        """Put the schedule's tables beside the weights; they are no part of the checkpoint that is loaded."""
        betas = make_betas()
        alphas_cumprod = (1 - betas).cumprod()
        alphas_cumprod_prev = np.concatenate(([1.0], alphas_cumprod[:-1]))
        for name, table in (
            ("betas", betas),
            ("alphas_cumprod", alphas_cumprod),
            ("alphas_cumprod_prev", alphas_cumprod_prev),
        ):
            tensor = torch.tensor(table, dtype=torch.float32, device=device)
            self.register_buffer(name, tensor, persistent=False)

    def apply_model(self, x_noisy: torch.Tensor, t: torch.Tensor, cond: Conditioning) -> torch.Tensor:
        """Predict the noise: (B, 4, H, W), (B,), conditioning → (B, 4, H, W)."""
        if isinstance(cond, torch.Tensor):
            cond = [cond]
        by_kind = cond if isinstance(cond, dict) else {"c_crossattn": cond}
        return self.model(x_noisy, t, **by_kind)

    @torch.no_grad()
    def decode_first_stage(self, z: torch.Tensor) -> torch.Tensor:
        """(B, 4, H, W) scaled latents → (B, 3, 8H, 8W), about -1 to 1."""
        return self.first_stage_model.decode(1.0 / self.scale_factor * z)
