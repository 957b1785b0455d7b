"""azula: its samplers around a small denoiser."""

from __future__ import annotations

import torch
from azula.denoise import SimpleDenoiser
from azula.noise import VPSchedule
from azula.sample import (
    DDIMSampler,
    DDPMSampler,
    EulerSampler,
    HeunSampler,
    ItoSampler,
    PCSampler,
    REABSampler,
    vABSampler,
    xEABSampler,
    zABSampler,
    zEABSampler,
)
from torch import nn


class Network(nn.Module):
    """Images (B, 3, 8, 8) and times (B) or (): an image."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)

    def forward(self, x, t):
        return self.image(x) + self.time(t.reshape(-1, 1))[..., None, None]


def setting(kind, **fixed):
    def build(device, steps, batch=2, **given):
        net = Network().to(device)
        sampler = kind(SimpleDenoiser(net, VPSchedule()).to(device), steps=steps, silent=True, **{**fixed, **given})
        return net, lambda: sampler(torch.randn(batch, 3, 8, 8, device=device))

    return build


SETTINGS = {
    "DDPM": setting(DDPMSampler),
    "DDIM": setting(DDIMSampler),
    "DDIM, eta": setting(DDIMSampler, eta=0.5),
    "Euler": setting(EulerSampler),
    "Heun": setting(HeunSampler),
    "Ito": setting(ItoSampler),
    "zAB": setting(zABSampler),
    "vAB": setting(vABSampler),
    "zEAB": setting(zEABSampler),
    "xEAB": setting(xEABSampler),
    "REAB": setting(REABSampler),
    "predictor, corrector": setting(PCSampler),
}
OTHERS = {name: ({"steps": 3}, {"batch": 1}) for name in SETTINGS}
