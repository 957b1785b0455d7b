"""Tables on the host, moved or indexed from the device in every step; a corrector that measures norms on the device."""

import numpy as np
import torch
from torch import nn


class VPSDE:
    def __init__(self, count):
        self.N = count
        self.discrete_betas = torch.linspace(0.1 / count, 5.0 / count, count)
        self.alphas = 1.0 - self.discrete_betas
        self.sigmas = torch.exp(torch.linspace(np.log(0.01), np.log(5.0), count))

    def discretize(self, x, t):
        timestep = (t * (self.N - 1)).long()
        beta = self.discrete_betas.to(x.device)[timestep]
        alpha = self.alphas.to(x.device)[timestep]
        sigma = self.sigmas.to(t.device)[timestep]
        f = alpha.sqrt()[:, None, None, None] * x - x
        return f, beta.sqrt() + 0 * sigma


@torch.no_grad()
def pc_sampler(sde, score, shape, device, snr=0.16):
    x = torch.randn(*shape, device=device)
    timesteps = torch.linspace(1.0, 1e-3, sde.N, device=device)
    for i in range(sde.N):
        t = timesteps[i]
        vec_t = torch.ones(shape[0], device=t.device) * t
        grad = score(x, vec_t)
        noise = torch.randn_like(x)
        grad_norm = torch.norm(grad.reshape(grad.shape[0], -1), dim=-1).mean()
        noise_norm = torch.norm(noise.reshape(noise.shape[0], -1), dim=-1).mean()
        step_size = (snr * noise_norm / grad_norm) ** 2 * 2
        x = x + step_size * grad + (step_size * 2).sqrt() * noise * 0.1
        f, g = sde.discretize(x, vec_t)
        x = x - f + g[:, None, None, None] * torch.randn_like(x) * 0.1
    return x


class Score(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * t[:, None, None, None]


def build(device, steps):
    score = Score().to(device)
    sde = VPSDE(steps)
    return score, lambda: pc_sampler(sde, score, (2, 3, 4, 4), device)
