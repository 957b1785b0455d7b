"""NumPy tables that go to the device entry by entry, and a map of timesteps that goes there at each call."""

import numpy as np
import torch as th
from torch import nn


def extract_into_tensor(arr, timesteps, broadcast_shape):
    res = th.from_numpy(arr).to(device=timesteps.device)[timesteps].float()
    while len(res.shape) < len(broadcast_shape):
        res = res[..., None]
    return res.expand(broadcast_shape)


def timestep_embedding(timesteps, dim, max_period=10000):
    half = dim // 2
    freqs = th.exp(-np.log(max_period) * th.arange(start=0, end=half, dtype=th.float32) / half).to(
        device=timesteps.device
    )
    args = timesteps[:, None].float() * freqs[None]
    return th.cat([th.cos(args), th.sin(args)], dim=-1)


class RespacedModel:
    def __init__(self, model, timestep_map):
        self.model = model
        self.timestep_map = timestep_map

    def __call__(self, x, ts):
        map_tensor = th.tensor(self.timestep_map, device=ts.device, dtype=ts.dtype)
        return self.model(x, map_tensor[ts])


class GaussianDiffusion:
    def __init__(self, betas):
        self.betas = betas
        self.alphas_cumprod = np.cumprod(1.0 - betas)
        self.alphas_cumprod_prev = np.append(1.0, self.alphas_cumprod[:-1])
        self.posterior_variance = betas * (1.0 - self.alphas_cumprod_prev) / (1.0 - self.alphas_cumprod)

    def p_sample(self, model, x, t):
        eps = model(x, t)
        a = extract_into_tensor(self.alphas_cumprod, t, x.shape)
        a_prev = extract_into_tensor(self.alphas_cumprod_prev, t, x.shape)
        variance = extract_into_tensor(self.posterior_variance, t, x.shape)
        start = (x - (1 - a).sqrt() * eps) / a.sqrt()
        nonzero_mask = (t != 0).float().view(-1, *([1] * (len(x.shape) - 1)))
        mean = a_prev.sqrt() * start + (1 - a_prev).sqrt() * eps * 0.5
        return mean + nonzero_mask * th.exp(0.5 * th.log(variance + 1e-8)) * th.randn_like(x)

    def p_sample_loop(self, model, shape, device):
        img = th.randn(*shape, device=device)
        for i in list(range(len(self.betas)))[::-1]:
            t = th.tensor([i] * shape[0], device=device)
            with th.no_grad():
                img = self.p_sample(model, img, t)
        return img


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.embed = nn.Linear(8, 3)

    def forward(self, x, t):
        return self.conv(x) + self.embed(timestep_embedding(t, 8))[:, :, None, None]


def build(device, steps):
    net = Net().to(device)
    diffusion = GaussianDiffusion(np.linspace(0.01, 0.2, steps))
    model = RespacedModel(net, list(range(0, 10 * steps, 10)))
    return net, lambda: diffusion.p_sample_loop(model, (2, 3, 4, 4), device)
