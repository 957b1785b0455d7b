"""jjuke-diffusion: its Karras samplers and the plain Gaussian one, around a small network.

Its DDPM, DDIM and latent samplers call a method of their base by arguments that it does not have, and are left out.
"""

from __future__ import annotations

import torch
from jjuke_diffusion.diffusion.common import get_betas
from jjuke_diffusion.diffusion.gaussian_diffusion import GaussianDiffusionSampler
from jjuke_diffusion.diffusion.karras import KarrasSampler
from torch import nn

STAND_INS = ("jjuke", "torchvision", "transformers", "diffusers", "xformers")


class Network(nn.Module):
    """Images (B, 3, 8, 8), steps (B), and a condition (B, 5) or none: an image, or one and a variance."""

    def __init__(self, out=3) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, out, 3, padding=1)
        self.time = nn.Linear(1, out)
        self.condition = nn.Linear(5, out)

    def forward(self, x, t, c=None):
        y = self.image(x) + self.time(t.float().reshape(-1, 1) / 1000)[..., None, None]
        return y if c is None else y + self.condition(c)[..., None, None]


def karras(kind):
    def build(device, steps, batch=2, schedule="linear", conditioned=False, kept=1, **given):
        net = Network(6 if given.get("model_var_type", "").startswith("learned") else 3).to(device)
        sampler = KarrasSampler(get_betas(schedule, 100), steps, karras_sampler=kind, **given).to(device)
        condition = torch.randn(batch, 5, device=device) if conditioned else None
        run = torch.no_grad()(lambda: sampler(net, (batch, 3, 8, 8), num_samples=kept, condition=condition))
        return net, run

    return build


def gaussian(device, steps, batch=2, **given):
    net = Network().to(device)
    sampler = GaussianDiffusionSampler(net, 1e-4, 0.02, steps, **given).to(device)
    return net, torch.no_grad()(lambda: sampler((batch, 3, 8, 8)))


SETTINGS = {
    "Karras, Heun": karras("heun"),
    "Karras, DPM": karras("dpm"),
    "Karras, ancestral": karras("ancestral"),
    "Gaussian": gaussian,
}
OTHERS = {
    name: (
        {"steps": 3, "conditioned": True},
        {"kept": 3, "model_var_type": "learned_range", "batch": 1},
        {"s_churn": 4.0, "s_noise": 1.003, "clip_denoised": False},
        {"model_mean_type": "x_start", "schedule": "cosine", "sigma_max": 20},
    )
    for name in SETTINGS
}
OTHERS["Gaussian"] = ({"steps": 3, "batch": 1}, {"var_type": "fixedsmall"}, {"steps": 8})
