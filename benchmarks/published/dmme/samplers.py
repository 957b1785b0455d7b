"""dmme: DDPM and improved DDPM around small networks; its DDIM ends at a deviation of 0, which torch refuses."""

from __future__ import annotations

import torch
from dmme.diffusion_models import DDPM, IDDPM
from dmme.models.ddpm import UNet
from torch import nn

STAND_INS = ("pytorch_lightning", "torchmetrics", "torchvision", "lmdb", "wandb")


class Network(nn.Module):
    """Images (B, 3, 8, 8) and a time (1): noise, and a variance where it is learned."""

    def __init__(self, returned=3) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, returned, 3, padding=1)
        self.time = nn.Linear(1, returned)

    def forward(self, x, t):
        noise = self.image(x) + self.time(t.float()[:, None] / 1000)[..., None, None]
        return torch.cat([noise[:, :3], noise[:, 3:].sigmoid()], 1)


def setting(kind, network=Network, **fixed):
    def build(device, steps, batch=2, size=8, one_step=False, **given):
        options = {**fixed, **given}
        model = kind(network(), **{"timesteps": steps, **options}).to(device).eval()

        @torch.no_grad()
        def run():
            if one_step:
                return model.sampling_step(
                    torch.randn(batch, 3, size, size, device=device), torch.tensor([2], device=device)
                )
            return model.generate((batch, 3, size, size))

        return model.model, run

    return build


def unet():
    return UNet(3, 8, 8, 4, channels_per_depth=(8, 8), num_blocks=1, attention_depths=(2,))


SETTINGS = {
    "DDPM": setting(DDPM),
    "IDDPM, cosine": setting(IDDPM, lambda: Network(6)),
    "IDDPM, linear": setting(IDDPM, lambda: Network(6), schedule="linear"),
    "U-Net": setting(DDPM, unet),
}
OTHERS = {name: ({"steps": 3, "batch": 1}, {"batch": 3, "size": 4}, {"one_step": True}) for name in SETTINGS}
OTHERS["DDPM"] += ({"start": 0.01, "end": 0.1},)
OTHERS["IDDPM, cosine"] += ({"offset": 0.02},)
