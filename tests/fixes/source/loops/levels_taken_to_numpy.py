"""A level that each step takes to NumPy, where a function looks for the nearest one and scales what it was given."""

import numpy as np
import torch
from torch import nn


def nearest(levels, level):
    level *= 1.0 + 1e-6
    return np.abs(levels - level).argmin()


@torch.no_grad()
def sample(net, x, sigmas, levels):
    for i in range(len(sigmas)):
        level = sigmas[i].cpu().numpy()
        t = nearest(levels, level)
        x = x - 0.1 * net(x) * float(t) / len(levels) - sigmas[i] * 0.01
    return x


def build(device, steps):
    net = nn.Linear(4, 4).to(device)

    def run():
        sigmas = torch.linspace(0.9, 0.1, steps, device=device)
        return sample(net, torch.ones(2, 4, device=device), sigmas, np.linspace(0, 1, 11))

    return net, run
