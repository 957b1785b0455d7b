"""Ancestral steps of second order: what the host decides by is computed from two levels in another function."""

import torch
from torch import nn


def ancestral_step(sigma_from, sigma_to, eta=1.0):
    if not eta:
        return sigma_to, 0.0
    sigma_up = min(sigma_to, eta * (sigma_to**2 * (sigma_from**2 - sigma_to**2) / sigma_from**2) ** 0.5)
    sigma_down = (sigma_to**2 - sigma_up**2) ** 0.5
    return sigma_down, sigma_up


@torch.no_grad()
def sample_second_order_ancestral(model, x, sigmas, eta=1.0, noise_scale=1.0):
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones)
        sigma_down, sigma_up = ancestral_step(sigmas[i], sigmas[i + 1], eta=eta)
        d = (x - denoised) / sigmas[i]
        if sigma_down == 0:
            x = x + d * (sigma_down - sigmas[i])
        else:
            sigma_mid = sigmas[i].log().lerp(sigma_down.log(), 0.5).exp()
            x_2 = x + d * (sigma_mid - sigmas[i])
            d_2 = (x_2 - model(x_2, sigma_mid * ones)) / sigma_mid
            x = x + d_2 * (sigma_down - sigmas[i])
        if sigmas[i + 1] > 0:
            x = x + torch.randn_like(x) * noise_scale * sigma_up
    return x


class Denoiser(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, sigma):
        return self.conv(x) / (1 + sigma[:, None, None, None])


def build(device, steps):
    model = Denoiser().to(device)
    sigmas = torch.cat([torch.linspace(9, 0.1, steps, device=device), torch.zeros(1, device=device)])

    def run():
        x = torch.randn(2, 3, 4, 4, device=device) * sigmas[0]
        return sample_second_order_ancestral(model, x, sigmas)

    return model, run
