"""Nothing to cure."""

import itertools

import torch
from torch import nn


@torch.no_grad()
def sample(net, x, sigmas):
    for sigma, following in itertools.pairwise(sigmas):
        d = (x - net(x, sigma.expand(len(x)))) / sigma
        x = x + d * (following - sigma)
        x = torch.where(x.abs() > 9, x.clamp(-9, 9), x)
    return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * t[:, None, None, None]


def build(device, steps):
    net = Net().to(device)
    sigmas = torch.linspace(3.0, 0.1, steps + 1, device=device)
    return net, lambda: sample(net, torch.randn(2, 3, 4, 4, device=device), sigmas)
