"""Multistep consistency sampling: boundary conditions from a table of NumPy, noise again between the steps."""

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)
        self.scale = nn.Linear(16, 4)

    def forward(self, x, t, guidance):
        return self.conv(x) * (1 + t.reshape(-1, 1, 1, 1) * 1e-3) + self.scale(guidance).reshape(-1, 4, 1, 1)


def guidance_embedding(weights, width=16):
    half = width // 2
    rates = torch.exp(torch.arange(half, dtype=torch.float32) * -(np.log(10000.0) / (half - 1))).to(weights.device)
    angles = weights[:, None] * 1000.0 * rates[None]
    return torch.cat([angles.sin(), angles.cos()], dim=1)


class ConsistencySampler:
    def __init__(self, net, steps):
        self.net = net
        self.alphas_cumprod = np.cumprod(1 - np.linspace(0.03, 0.11, 1000) ** 2)
        self.timesteps = np.linspace(999, 19, steps).round().astype(np.int64)

    def boundary(self, t):
        scaled = t / 0.1
        return 0.25 / (scaled**2 + 0.25), scaled / (scaled**2 + 0.25) ** 0.5

    @torch.no_grad()
    def sample(self, x, guidance=7.5):
        for i, t in enumerate(self.timesteps):
            batch = torch.full((x.shape[0],), int(t), dtype=torch.long).to(x.device)
            scale = torch.tensor([guidance - 1.0] * x.shape[0]).to(x.device)
            alpha = torch.from_numpy(np.asarray(self.alphas_cumprod[t], dtype=np.float32)).to(x.device)
            skip, out = self.boundary(float(t))
            epsilon = self.net(x, batch, guidance_embedding(scale))
            clean = (x - (1 - alpha).sqrt() * epsilon) / alpha.sqrt()
            denoised = out * clean + skip * x
            if i + 1 < len(self.timesteps):
                after = torch.tensor(self.alphas_cumprod[self.timesteps[i + 1]], dtype=torch.float32, device=x.device)
                x = after.sqrt() * denoised + (1 - after).sqrt() * torch.randn_like(x)
            else:
                x = denoised
        return x


def build(device, steps):
    net = Net().to(device)
    sampler = ConsistencySampler(net, steps)
    return net, lambda: sampler.sample(torch.randn(2, 4, 8, 8, device=device))
