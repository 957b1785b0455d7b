"""A multistep solver that keeps its levels on the host, and sends a few ratios of them in each step."""

import torch
from torch import nn


class Solver:
    def __init__(self, steps):
        self.levels = torch.linspace(1.0, 0.0, steps + 1)
        self.kept = []

    def step(self, out, i, x):
        device = x.device
        self.kept = [*self.kept, out][-3:]
        ratios = []
        now, following = self.levels[i], self.levels[i + 1]
        for back in range(1, len(self.kept)):
            ratios.append((self.levels[i - back] - now) / (following - now))
        ratios.append(1.0)
        ratios = torch.tensor(ratios, device=device)
        weights = torch.softmax(-ratios, dim=0)
        return x + (following - now) * torch.einsum("k,kbchw->bchw", weights, torch.stack(self.kept[::-1]))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) + t


@torch.no_grad()
def sample(net, solver, x, steps):
    for i in range(steps):
        x = solver.step(net(x, i / steps), i, x)
    return x


def build(device, steps):
    net = Net().to(device)
    return net, lambda: sample(net, Solver(steps), torch.randn(2, 3, 4, 4, device=device), steps)
