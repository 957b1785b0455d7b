"""Coefficients that are looked up on the host: table and index are both sent there, and the entry comes back."""

import torch
from torch import nn


def at(table, t, x):
    device = t.device
    table = table.cpu()[t.cpu()]
    return table.reshape(len(t), *[1] * (x.dim() - 1)).to(device)


class Diffusion:
    def __init__(self, steps):
        self.betas = torch.linspace(0.05, 0.3, steps)
        self.alphas = (1 - self.betas).cumprod(0)

    @torch.no_grad()
    def sample(self, net, x):
        for i in reversed(range(len(self.betas))):
            t = torch.full((len(x),), i, device=x.device)
            noise = net(x)
            x = (x - at(self.betas, t, x) * noise) / at(self.alphas, t, x).sqrt()
        return x


def build(device, steps):
    net = nn.Conv2d(3, 3, 3, padding=1).to(device)
    diffusion = Diffusion(steps)
    return net, lambda: diffusion.sample(net, torch.randn(2, 3, 4, 4, device=device))
