"""iddm: its DDPM, DDIM, PLMS, DPM2 and DPM++ samplers around a small network."""

from __future__ import annotations

import iddm.utils  # noqa: F401 - first, or its modules import each other in a circle

# isort: split
import torch
from iddm.model.samples.ddim import DDIMDiffusion
from iddm.model.samples.ddpm import DDPMDiffusion
from iddm.model.samples.dpm2 import DPM2Diffusion
from iddm.model.samples.dpmpp import DPMPlusPlusDiffusion
from iddm.model.samples.plms import PLMSDiffusion
from torch import nn

STAND_INS = (
    "coloredlogs",
    "torchvision",
    "cv2",
    "matplotlib",
    "gradio",
    "tensorboard",
    "requests",
    "thop",
    "transformers",
)


class Network(nn.Module):
    """Images, times and classes or none; the last images it was given are kept, for the samplers return bytes."""

    def __init__(self, channels) -> None:
        super().__init__()
        self.image = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(1, channels)
        self.label = nn.Embedding(4, channels)

    def forward(self, x, t, y=None):
        self.given = x
        shift = self.time(t.float()[:, None] / 1000)
        if y is not None:
            shift = shift + self.label(y)
        return self.image(x) + shift[..., None, None]


class Decoder(nn.Module):
    """Latents (B, 8, 8, 8): images."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(8, 3, 1)

    def decode(self, x):
        return self.image(x).tanh()


def setting(kind, **fixed):
    def build(device, steps, batch=2, labels=False, cfg_scale=None, start=False, eta=None, latent=False, **given):
        options = {**fixed, **given}
        options |= {"noise_steps": steps + 1} if kind is DDPMDiffusion else {"sample_steps": steps, "noise_steps": 1000}
        if latent:
            options |= {"latent": True, "latent_channel": 8, "autoencoder": Decoder()}
        sampler = kind(img_size=[8, 8], device=device, **options)
        if eta is not None:
            sampler.eta = eta
        net = Network(8 if latent else 3).to(device)
        call = {"n": batch, "cfg_scale": cfg_scale}
        if labels:
            call["labels"] = torch.arange(batch).to(device)
        if start:
            call["x"] = torch.randn(batch, 3, 8, 8)
        return net, lambda: (sampler.sample(net, **call), net.given)

    return build


SETTINGS = {
    "DDPM": setting(DDPMDiffusion),
    "DDIM": setting(DDIMDiffusion),
    "PLMS": setting(PLMSDiffusion),
    "DPM2": setting(DPM2Diffusion),
    "DPM++, 2": setting(DPMPlusPlusDiffusion, order=2),
    "DPM++, 3": setting(DPMPlusPlusDiffusion, order=3),
}
COMMON = (
    {"steps": 4, "batch": 1, "schedule_name": "cosine"},
    {"labels": True, "cfg_scale": 3.0},
    {"labels": True, "start": True},
    {"latent": True},
)
OTHERS = dict.fromkeys(SETTINGS, COMMON)
for name in ("DDIM", "PLMS", "DPM2", "DPM++, 2"):
    OTHERS[name] = (*COMMON, {"eta": 0.5, "schedule_name": "sqrt_linear"})
