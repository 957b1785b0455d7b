"""Linear multistep: coefficients by numerical integration over sigmas that lie on the device."""

import torch
from torch import nn


class Denoiser(nn.Module):
    def __init__(self, sigmas):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.register_buffer("log_sigmas", sigmas.log())

    def sigma_to_t(self, sigma):
        distances = (sigma.log() - self.log_sigmas[:, None]).abs()
        return distances.argmin(dim=0).view(sigma.shape)

    def forward(self, x, sigma):
        scale = 1 / (sigma**2 + 1) ** 0.5
        t = self.sigma_to_t(sigma)
        return x - self.conv(x * scale[:, None, None, None]) * sigma[:, None, None, None] * (1 + t[:, None, None, None])


def coefficient(order, t, i, j):
    """The integral of the j-th Lagrange polynomial of the last times over one step, by Gauss' two points."""
    half, centre = (t[i + 1] - t[i]) / 2, (t[i + 1] + t[i]) / 2

    def polynomial(tau):
        product = 1.0
        for k in range(order):
            if k != j:
                product *= (tau - t[i - k]) / (t[i - j] - t[i - k])
        return product

    return half * (polynomial(centre - half / 3**0.5) + polynomial(centre + half / 3**0.5))


@torch.no_grad()
def sample_lms(model, x, sigmas, order=4):
    ones = x.new_ones([x.shape[0]])
    sigmas_cpu = None
    derivatives = []
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones)
        derivatives.append((x - denoised) / sigmas[i])
        if len(derivatives) > order:
            derivatives.pop(0)
        sigmas_cpu = sigmas.detach().cpu().numpy()
        current = min(i + 1, order)
        weights = [float(coefficient(current, sigmas_cpu, i, j)) for j in range(current)]
        x = x + sum(weight * d for weight, d in zip(weights, reversed(derivatives), strict=True))
    return x


def build(device, steps):
    known = torch.linspace(0.03, 12, 100)
    model = Denoiser(known).to(device)
    sigmas = torch.cat([torch.linspace(10, 0.1, steps), torch.zeros(1)]).to(device)
    return model, lambda: sample_lms(model, torch.randn(2, 4, 8, 8, device=device), sigmas)
