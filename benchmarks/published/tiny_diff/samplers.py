"""tiny-diff: the loop over its DDPM schedulers, around a small network."""

from __future__ import annotations

import torch
from tiny_diff.schedulers import DDPMScheduler, LatentDDPMScheduler
from torch import nn

STAND_INS = ("lightning", "torchvision", "kornia", "torchmetrics", "lpips")


class Network(nn.Module):
    """Images (B, 3, 8, 8) and a step () or steps (B): a noise."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)

    def forward(self, x, t):
        return self.image(x) + self.time(t.to(x.dtype).reshape(-1, 1) / 1000)[..., None, None]


def setting(kind):
    def build(device, steps, batch=2, moved=True, seeded=False, batched=True, dtype=torch.float32, **given):
        net = Network().to(device, dtype)
        scheduler = kind(num_train_steps=20, num_inference_steps=steps, **given)
        scheduler = scheduler.to(device) if moved else scheduler
        generator = torch.Generator(device).manual_seed(0) if seeded else None

        @torch.no_grad()
        def run():
            x = torch.randn(batch, 3, 8, 8, device=device, dtype=dtype) * scheduler.init_noise_sigma
            for t in scheduler.get_timesteps(steps, device=device if moved else None):
                noise = net(x, t.expand(batch).to(device) if batched else t.to(device))
                x = scheduler.step(noise, t, x, generator=generator)["z"]
            return x

        return net, run

    return build


SETTINGS = {"DDPM": setting(DDPMScheduler), "DDPM of latents": setting(LatentDDPMScheduler)}
OTHERS = {
    name: (
        {"steps": 3, "clip_range": 1.0},
        {"batch": 1, "beta_end": 0.1},
        {"moved": False, "clip_range": 2.0},
        {"dtype": torch.float64, "batched": False},
    )
    for name in SETTINGS
}
