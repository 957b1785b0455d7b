"""Each step looks for the next lower time of a schedule: the first that a mask selects."""

import torch
from torch import nn


class Times:
    def __init__(self, steps, device):
        self.times = torch.linspace(1.0, 1.0 / steps, steps, device=device)

    def step(self, out, now, x):
        padded = torch.cat([self.times, torch.zeros(1, device=self.times.device)])
        lower = padded < now - 1e-6
        following = padded[lower][0]
        above = padded[padded >= now][0]
        return x - (now - following) * out + 0.0 * above


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t


@torch.no_grad()
def sample(net, times, x):
    for now in times.times:
        x = times.step(net(x, now), now, x)
    return x


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, Times(steps, device), torch.randn(2, 3, 4, 4, device=device))
