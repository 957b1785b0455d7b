"""ddpm-proteins: its GaussianDiffusion around a small network (its import makes a folder ``results``)."""

from __future__ import annotations

import torch
from ddpm_proteins import GaussianDiffusion
from torch import nn

STAND_INS = ("torchvision", "PIL", "seaborn", "matplotlib", "sidechainnet")


class Network(nn.Module):
    """Images (B, channels + condition_dim, H, W) and times (B): noise."""

    def __init__(self, channels, condition_dim):
        super().__init__()
        self.channels, self.condition_dim = channels, condition_dim
        self.image, self.time = nn.Conv2d(channels + condition_dim, channels, 3, padding=1), nn.Linear(1, channels)

    def forward(self, x, time):
        return self.image(x) + self.time(time[:, None] / 100)[..., None, None]


def diffusion(device, steps, condition_dim=0, betas=None, image_size=16, channels=1):
    net = Network(channels, condition_dim)
    made = GaussianDiffusion(net, image_size=image_size, timesteps=steps, loss_type="l1", betas=betas)
    return net, made.to(device)


def linear(steps):
    return torch.linspace(1e-3, 0.3, steps)


def plain(device, steps, batch=2, spaced=False, **given):
    net, made = diffusion(device, steps, betas=linear(steps) if spaced else None, **given)
    return net, lambda: made.sample(batch_size=batch)


def conditioned(device, steps, batch=2, given=2, shared=False):
    net, made = diffusion(device, steps, condition_dim=given)
    condition = torch.randn(1 if shared else batch, given, 16, 16, device=device)
    return net, lambda: made.sample(batch_size=batch, condition_tensor=condition)


def interpolated(device, steps, batch=2, lam=0.5, t=None, spaced=False):
    net, made = diffusion(device, steps, betas=linear(steps) if spaced else None)
    ends = torch.rand(2, batch, 1, 16, 16, device=device)
    return net, lambda: made.interpolate(ends[0], ends[1], t=t, lam=lam)


SETTINGS = {"plain": plain, "conditioned": conditioned, "interpolated": interpolated}
OTHERS = {
    "plain": ({"steps": 3}, {"batch": 1, "spaced": True}, {"image_size": 8, "channels": 3}),
    "conditioned": ({"steps": 3}, {"batch": 1, "given": 1}, {"shared": True}),
    "interpolated": ({"steps": 3}, {"batch": 1, "lam": 0.2}, {"t": 2}, {"spaced": True}),
}
