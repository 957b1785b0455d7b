"""Noise levels from an array, wrapped and repeated in the function that calls the model."""

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, level):
        return self.conv(x) * level[:, :, None, None]


class Refinement:
    def __init__(self, net, steps, device):
        self.net = net
        products = np.cumprod(1 - np.linspace(1e-3, 0.2, steps))
        self.levels = np.sqrt(np.append(1.0, products))
        self.scales = torch.tensor(1 / np.sqrt(products), dtype=torch.float32).to(device)

    def cleaned(self, x, number):
        level = torch.FloatTensor([self.levels[number + 1]]).repeat(x.shape[0], 1).to(x.device)
        return (self.scales[number] * x - self.net(x, level)).clamp(-1, 1)

    @torch.no_grad()
    def run(self, x):
        for number in reversed(range(len(self.scales))):
            x = self.cleaned(x, number) + (0.1 * torch.randn_like(x) if number > 0 else 0)
        return x


def build(device, steps):
    net = Net().to(device)
    refinement = Refinement(net, steps, device)
    return net, lambda: refinement.run(torch.randn(2, 3, 4, 4, device=device))
