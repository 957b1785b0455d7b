"""A loop around a scheduler of diffusers, as its pipelines write it."""

import importlib

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * (1 + t.float() * 1e-4)


@torch.no_grad()
def denoise(net, scheduler, latents, generator):
    kwargs = {}
    done = 0
    for i, t in enumerate(scheduler.timesteps):
        model_input = scheduler.scale_model_input(latents, t) if hasattr(scheduler, "scale_model_input") else latents
        noise_pred = net(model_input, t)
        latents = scheduler.step(noise_pred, t, latents, **kwargs).prev_sample
        done = i
    assert done == len(scheduler.timesteps) - 1
    return latents


def build(device, steps, name):
    module, _, kind = name.partition(".")
    scheduler = getattr(importlib.import_module(f"diffusers.schedulers.scheduling_{module}"), kind)()
    net = Net().to(device)

    def run():
        scheduler.set_timesteps(steps, device=device)
        latents = torch.randn(1, 4, 8, 8, device=device) * getattr(scheduler, "init_noise_sigma", 1.0)
        return denoise(net, scheduler, latents, None)

    return net, run
