"""A loop through its times, forwards or backwards, that looks up a table on the host by each and the one before."""

import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t.reshape(-1, 1, 1, 1) / 1000


def backwards(net, x, times, table, reverse, leap):
    for i, t in enumerate(reversed(times) if reverse else times):
        before = t - leap
        level = table[t]
        level_before = table[before] if before >= 0 else table[0]
        x = x * level_before / level - 0.01 * net(x, t) * (i + 1)
    return x


def build(device, steps, reverse=True):
    net = Denoiser().to(device)
    schedule = torch.linspace(1.0, 0.1, 10)

    @torch.inference_mode()
    def run():
        x = torch.randn(2, 3, 8, 8, device=device)
        return backwards(net, x, torch.arange(steps, device=device) + 2, schedule, reverse, 3)

    return net, run
