"""Numbers by ``item``, ``int``, ``float`` and in text; a table indexed by a timestep on the device."""

import math

import torch
from torch import nn


class Scheduler:
    def __init__(self, device, count=20):
        self.alphas = torch.cumprod(1 - torch.linspace(0.01, 0.1, count, device=device), 0)
        self.count = count
        self.log = []

    def previous(self, timestep, stride):
        return timestep - stride

    def step(self, output, timestep, sample, stride):
        before = self.previous(timestep, stride)
        alpha = self.alphas[timestep]
        alpha_before = self.alphas[before] if before >= 0 else self.alphas.new_ones(())
        start = (sample - (1 - alpha) ** 0.5 * output) / alpha**0.5
        return alpha_before**0.5 * start + (1 - alpha_before) ** 0.5 * output


@torch.no_grad()
def sample(model, scheduler, x, timesteps, stride, guidance):
    notes = []
    for step, t in enumerate(timesteps):
        noise = model(x, t) * guidance.item()
        x = scheduler.step(noise, t, x, stride)
        notes.append(f"{step}: {t:d}")
        if math.cos(float(t)) > 2:
            break
    return x, notes


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t.float() * 0.01


def build(device, steps):
    net = Net().to(device)
    stride = 20 // steps
    timesteps = torch.arange(steps - 1, -1, -1, device=device) * stride
    guidance = torch.tensor(1.5, device=device)
    scheduler = Scheduler(device)
    return net, lambda: sample(net, scheduler, torch.randn(1, 3, 4, 4, device=device), timesteps, stride, guidance)
