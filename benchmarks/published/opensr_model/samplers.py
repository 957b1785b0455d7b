"""opensr-model: its DDIM sampler, in the loop of its super-resolution model, around a small network."""

from __future__ import annotations

import numpy as np
import torch
from opensr_model.diffusion.utils import DDIMSampler, make_beta_schedule
from torch import nn

STAND_INS = ("matplotlib", "requests", "skimage", "pytorch_lightning", "torchvision", "huggingface_hub", "rasterio")


class Diffusion(nn.Module):
    """What the sampler asks of its latent diffusion model: the schedule and the network with its condition."""

    def __init__(self, schedule, length) -> None:
        super().__init__()
        betas = torch.tensor(make_beta_schedule(schedule, length, 0.0015, 0.0155), dtype=torch.float32)
        products = torch.cumprod(1 - betas, 0)
        self.num_timesteps = length
        self.register_buffer("betas", betas)
        self.register_buffer("alphas_cumprod", products)
        self.register_buffer("alphas_cumprod_prev", torch.cat([torch.ones(1), products[:-1]]))
        self.net = nn.Conv2d(8, 4, 3, padding=1)
        self.time = nn.Linear(1, 4)

    @property
    def device(self):
        return self.betas.device

    def apply_model(self, x, t, c):
        return self.net(torch.cat([x, c], 1)) + self.time(t.float()[:, None] / 1000)[..., None, None]


def build(device, steps, batch=2, schedule="linear", length=1000, eta=0.0, temperature=1.0, **asked):
    model = Diffusion(schedule, length).to(device).eval()
    sampler = DDIMSampler(model)

    @torch.no_grad()
    def run():
        condition = torch.randn(batch, 4, 8, 8, device=device)
        sampler.make_schedule(ddim_num_steps=steps, ddim_eta=eta, verbose=False)
        latent = torch.randn(batch, 4, 8, 8, device=device)
        time_range = np.flip(sampler.ddim_timesteps)
        for i, step in enumerate(time_range):
            index = len(time_range) - i - 1
            latent, _ = sampler.p_sample_ddim(
                x=latent, c=condition, t=step, index=index, temperature=temperature, **asked
            )
        return latent

    return model.net, run


def stochastic(device, steps, eta=1.0, **given):
    return build(device, steps, eta=eta, **given)


SETTINGS = {"DDIM": build, "DDIM, eta": stochastic}
OTHERS = dict.fromkeys(
    SETTINGS,
    (
        {"steps": 4, "batch": 1},
        {"schedule": "sqrt_linear", "length": 100},
        {"temperature": 0.7, "eta": 0.5},
        {"repeat_noise": True},
    ),
)
