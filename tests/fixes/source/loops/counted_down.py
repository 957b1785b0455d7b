"""Times of a batch that are counted down in place, and asked for their first entry."""

import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t.reshape(-1, 1, 1, 1) / 1000


def downwards(net, x, start, end, steps):
    times = torch.ones(len(x)).to(x.device) * start
    change = (end - start) / steps
    for _ in range(steps):
        times += change
        if times[0] < end / 2:
            break
        x = x - 0.01 * net(x, times)
    return x


def build(device, steps):
    net = Denoiser().to(device)

    def run():
        with torch.no_grad():
            return downwards(net, torch.randn(2, 3, 8, 8, device=device), 9.0, 1.0, steps)

    return net, run
