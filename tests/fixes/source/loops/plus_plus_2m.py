"""DPM-Solver++(2M), its stochastic variant, and a learned range of variances, as single files write them."""

import math

import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x, sigma):
        return self.conv(x) / (1 + sigma.view(-1, 1, 1, 1))


@torch.no_grad()
def sample(model, x, sigmas, eta=0.5, callback=None):
    ones = x.new_ones([x.shape[0]])
    old, last = None, None
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones)
        if callback is not None:
            callback({"i": i, "sigma": sigmas[i].item()})
        if sigmas[i + 1] == 0:
            x = denoised
            continue
        t, s = -math.log(sigmas[i]), -math.log(sigmas[i + 1].item())
        h = s - t
        eta_h = eta * h
        x = sigmas[i + 1] / sigmas[i] * math.exp(-eta_h) * x + -math.expm1(-h - eta_h) * denoised
        if old is not None:
            r = last / h
            x = x + 0.5 * -math.expm1(-h - eta_h) * (1 / r) * (denoised - old)
        if eta and float(sigmas[i + 1]) > 1e-6:
            noise = torch.randn(x.shape, generator=None, device=x.device)
            x = x + noise * sigmas[i + 1] * math.sqrt(-math.expm1(-2 * eta_h))
        old, last = denoised, h
    return x


def build(device, steps):
    model = Denoiser().to(device)
    sigmas = torch.cat([torch.linspace(10, 0.1, steps), torch.zeros(1)]).to(device)
    shown = []
    return model, lambda: sample(model, torch.randn(2, 4, 8, 8, device=device), sigmas, callback=shown.append)
