"""diffusion-pytorch-lib: its DDPM and DDIM loops around a small network."""

from __future__ import annotations

from diffusion_pytorch_lib.module import Diffusion
from torch import nn


class Network(nn.Module):
    """Images (B, 3, 8, 8) and steps (B): a noise."""

    channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)

    def forward(self, x, time):
        return self.image(x) + self.time(time.float().reshape(-1, 1) / 1000)[..., None, None]


def ddpm(device, steps, batch=2, schedule="linear", asked=None):
    net = Network().to(device)
    diffusion = Diffusion(net, 8, timesteps=steps, beta_schedule=schedule).to(device)
    return net, lambda: diffusion.sample(batch, **(asked or {}))


def ddim(device, steps, batch=2, schedule="linear", **given):
    net = Network().to(device)
    diffusion = Diffusion(net, 8, timesteps=20, beta_schedule=schedule).to(device)
    return net, lambda: diffusion.ddim_sample([batch, 3, 8, 8], sampling_timesteps=steps, **given)


SETTINGS = {"DDPM": ddpm, "DDIM": ddim}
OTHERS = {
    "DDPM": (
        {"steps": 3, "schedule": "cosine"},
        {"batch": 1, "asked": {"return_all_timesteps": True}},
        {"schedule": "quadratic"},
    ),
    "DDIM": (
        {"steps": 3, "schedule": "cosine"},
        {"batch": 1, "return_all_timesteps": True},
        {"eta": 0.5, "schedule": "sigmoid"},
        {"steps": 20, "eta": 1.0},
    ),
}
