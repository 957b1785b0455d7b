"""cloud-diffusion: its loops for a next frame, by schedulers of diffusers and by simple diffusion."""

from __future__ import annotations

import fastprogress
import torch
from diffusers.schedulers import DDIMScheduler, DDPMScheduler
from torch import nn

STAND_INS = ("fastprogress", "accelerate", "torchvision", "wandb", "pytorch_fid", "ema_pytorch")

fastprogress.progress_bar = lambda steps, **_: steps

from cloud_diffusion.ddpm import ddim_sampler, diffusers_sampler  # noqa: E402
from cloud_diffusion.simple_diffusion import simple_diffusion_sampler  # noqa: E402


class Network(nn.Module):
    """Frames (B, 4, 8, 8), and a step () or times (B): what is predicted of the last frame."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(4, 1, 3, padding=1)
        self.time = nn.Linear(1, 1)

    def forward(self, x, t):
        return self.image(x) + self.time(t.float().reshape(-1, 1).to(x.device) / 1000)[..., None, None]


def ddim(device, steps, batch=2, **given):
    net = Network().to(device)
    frames = torch.randn(batch, 3, 8, 8, device=device)
    sample = ddim_sampler(steps, **given)
    return net, lambda: sample(net, frames)


def diffusers(device, steps, batch=2, kind=DDPMScheduler, placed=False, **given):
    net = Network().to(device)
    frames = torch.randn(batch, 3, 8, 8, device=device)
    scheduler = kind(**given)
    scheduler.set_timesteps(steps, **({"device": device} if placed else {}))
    return net, lambda: diffusers_sampler(net, frames, scheduler)


def simple(device, steps, batch=2, dtype=torch.float32):
    net = Network().to(device)
    frames = torch.randn(batch, 3, 8, 8, device=device)
    sample = simple_diffusion_sampler(steps)
    return net, torch.no_grad()(lambda: sample(net, frames))


SETTINGS = {"DDIM": ddim, "scheduler of diffusers": diffusers, "simple diffusion": simple}
OTHERS = {
    "DDIM": ({"steps": 3}, {"batch": 1, "eta": 0.0}, {"eta": 0.5}),
    "scheduler of diffusers": (
        {"steps": 3, "placed": True},
        {"kind": DDIMScheduler, "clip_sample": False},
        {"prediction_type": "v_prediction", "batch": 1},
    ),
    "simple diffusion": ({"steps": 3}, {"batch": 1}, {"steps": 8}),
}
