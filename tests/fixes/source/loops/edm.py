"""Heun steps in float64 that run through pairs of times: ``enumerate(zip(times[:-1], times[1:]))``."""

import itertools

import numpy as np
import torch
from torch import nn


def edm_sampler(net, latents, num_steps, S_churn=10, S_min=0.05, S_max=50.0, S_noise=1):  # noqa: N803
    step_indices = torch.arange(num_steps, dtype=torch.float64, device=latents.device)
    t_steps = (8.0 ** (1 / 7) + step_indices / (num_steps - 1) * (0.02 ** (1 / 7) - 8.0 ** (1 / 7))) ** 7
    t_steps = torch.cat([t_steps, torch.zeros_like(t_steps[:1])])
    x_next = latents.to(torch.float64) * t_steps[0]
    for i, (t_cur, t_next) in enumerate(itertools.pairwise(t_steps)):
        x_cur = x_next
        gamma = min(S_churn / num_steps, np.sqrt(2) - 1) if S_min <= t_cur <= S_max else 0
        t_hat = torch.as_tensor(t_cur + gamma * t_cur)
        x_hat = x_cur + (t_hat**2 - t_cur**2).sqrt() * S_noise * torch.randn_like(x_cur)
        d_cur = (x_hat - net(x_hat, t_hat).to(torch.float64)) / t_hat
        x_next = x_hat + (t_next - t_hat) * d_cur
        if i < num_steps - 1:
            d_prime = (x_next - net(x_next, t_next).to(torch.float64)) / t_next
            x_next = x_hat + (t_next - t_hat) * (0.5 * d_cur + 0.5 * d_prime)
    return x_next


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, sigma):
        c_skip = 0.25 / (sigma**2 + 0.25)
        return c_skip * x + self.conv(x.to(torch.float32)) * sigma.to(torch.float32)


def build(device, steps):
    net = Net().to(device)

    def run():
        with torch.no_grad():
            return edm_sampler(net, torch.randn(2, 3, 4, 4, device=device), steps)

    return net, run
