"""Latents that are scaled, clamped or mended where what the step computed asks for it."""

import torch
from torch import nn


@torch.no_grad()
def sample(net, x, steps, most):
    for t in range(steps):
        noise = net(x, t)
        if torch.isnan(noise).any():
            noise = torch.nan_to_num(noise)
        x0 = x - noise
        if x0.abs().max() > most:
            x0 = most * x0 / x0.abs().max()
        spread = noise.std()
        if not spread.isfinite():
            spread = torch.ones_like(spread)
        level = noise.square().mean()
        if level.item() < 0.3:
            level += 1
        x = x0 + 0.1 * spread * noise / level
    return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(4, 4)

    def forward(self, x, t):
        return torch.tanh(self.mix(x)) * (0.4 + 0.1 * t)


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, 2 * torch.randn(2, 4, device=device), steps, 2.0)
