"""A step that is given a level for each picture, and asks for the first of them, or for their sum."""

import torch
from torch import nn


class Sampler:
    def __init__(self, lowest=0.2, strength=0.5):
        self.lowest = lowest
        self.strength = strength

    def step(self, x, net, sigma, next_sigma, centre, before=None):
        denoised = net(x, sigma)
        if next_sigma[0] > self.lowest and self.strength > 0:
            denoised = denoised - (denoised - centre) * self.strength
        if before is None or torch.sum(next_sigma) < 1e-14:
            return denoised, denoised
        share = (next_sigma / sigma).view(-1, 1, 1, 1)
        return share * x + (1 - share) * (1.5 * denoised - 0.5 * before), denoised

    @torch.no_grad()
    def sample(self, x, net, sigmas):
        ones, before, centre = x.new_ones([x.shape[0]]), None, x
        for i in range(len(sigmas) - 1):
            x, before = self.step(x, net, ones * sigmas[i], ones * sigmas[i + 1], centre, before=before)
        return x


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, sigma):
        return self.conv(x) / (1 + sigma[:, None, None, None])


def build(device, steps):
    net = Denoiser().to(device)
    sigmas = torch.cat([torch.linspace(3, 0.1, steps, device=device), torch.zeros(1, device=device)])

    def run():
        return Sampler().sample(torch.randn(2, 3, 4, 4, device=device), net, sigmas)

    return net, run
