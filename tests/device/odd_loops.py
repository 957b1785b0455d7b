"""Sampling loops of several styles, written to be read: each line says what it must make the device do."""

# ruff: noqa: F841, B007, PT018, RUF007
from __future__ import annotations

import bisect
import math

import numpy as np
import torch
from torch import Tensor, nn


class Denoiser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.gain = nn.Linear(1, 3)

    def forward(self, x: Tensor, sigma: Tensor) -> Tensor:
        return self.conv(x) * torch.tanh(self.gain(sigma.reshape(-1, 1).float()))[:, :, None, None]


def make_model(device: str) -> Denoiser:
    torch.manual_seed(5)
    return Denoiser().to(device)  # expect H2D 4 once


def karras_euler(device: str, steps: int) -> Tensor:
    model = make_model(device)
    rho = 7.0
    ramp = torch.linspace(0, 1, steps, device=device)
    sigmas = (10.0 ** (1 / rho) + ramp * (0.1 ** (1 / rho) - 10.0 ** (1 / rho))) ** rho
    sigmas = torch.cat([sigmas, sigmas.new_zeros([1])])
    x = torch.randn(2, 3, 8, 8, device=device) * sigmas[0]
    ones = x.new_ones([x.shape[0]])
    for i in range(len(sigmas) - 1):
        gamma = 0.3 if 0.05 <= sigmas[i] <= 20.0 else 0.0  # expect SYNC 2
        sigma_hat = sigmas[i] * (gamma + 1)
        if gamma > 0:
            x = x + torch.randn_like(x) * (sigma_hat**2 - sigmas[i] ** 2) ** 0.5
        d = (x - model(x, sigma_hat * ones)) / sigma_hat
        x = x + d * (sigmas[i + 1] - sigma_hat)
    return x


def edm_heun(device: str, steps: int) -> Tensor:
    model = make_model(device)
    indices = torch.arange(steps, dtype=torch.float64, device=device)
    t_steps = 5.0 * (1 - indices / steps) ** 2 + 0.01
    x = torch.randn(1, 3, 8, 8, device=device).to(torch.float64) * t_steps[0]
    for t_cur, t_next in zip(t_steps[:-1], t_steps[1:], strict=True):
        d = (x - model(x.float(), t_cur).to(torch.float64)) / t_cur
        x_next = x + (t_next - t_cur) * d
        if t_next > 0.02:  # expect SYNC 1
            d2 = (x_next - model(x_next.float(), t_next).to(torch.float64)) / t_next
            x_next = x + (t_next - t_cur) * (0.5 * d + 0.5 * d2)
        x = x_next
    return x


def guided_with_dynamic_threshold(device: str, steps: int) -> Tensor:
    model = make_model(device)
    scale = torch.tensor(7.5, device=device)  # expect H2D 1 once
    x = torch.randn(2, 3, 8, 8, device=device)
    for step in range(steps):
        sigma = torch.full((4,), 1.0 / (step + 1), device=device)
        doubled = torch.cat([x] * 2)
        without, given = model(doubled, sigma).chunk(2)
        x0 = x - (without + scale * (given - without))
        limit = torch.quantile(x0.reshape(2, -1).abs(), 0.995, dim=-1)
        limit = torch.maximum(limit, torch.ones_like(limit))[:, None, None, None]
        x0 = x0.clamp(-limit, limit) / limit
        weight = 1 / float(scale)  # expect SYNC 1
        x = x0 + weight * torch.randn(x.shape, device=device)
    return x


def inpainting(device: str, steps: int) -> Tensor:
    model = make_model(device)
    known = torch.randn(1, 3, 8, 8).to(device)  # expect H2D 1 once
    mask = torch.zeros(1, 3, 8, 8, dtype=torch.bool)
    mask[..., 4:] = True
    keep = mask.to(device)  # expect H2D 1 once
    x = torch.randn(1, 3, 8, 8, device=device)
    for step in range(steps):
        x = x - 0.1 * model(x, x.new_ones(1))
        x[keep] = known[keep]  # expect SYNC 2
        x = torch.where(keep, known, x)
        x[mask] = known[keep]  # expect SYNC 1 H2D 4
        x[x > 3] = 3.0
        x[~keep] *= 0.99  # expect SYNC 2
        x.masked_fill_(x < -3, -3.0)
    return x


def host_schedule(device: str, steps: int) -> Tensor:
    model = make_model(device)
    betas = np.linspace(0.01, 0.2, steps, dtype=np.float64)
    alphas = torch.cumprod(torch.tensor(1 - betas, device=device), 0)  # expect H2D 1 once
    host_alphas = np.cumprod(1 - betas)
    x = torch.randn(1, 3, 8, 8, device=device)
    for index in reversed(range(steps)):
        a = float(host_alphas[index])
        e = model(x, torch.as_tensor([a], device=device))  # expect H2D 1
        x = (x - math.sqrt(1 - a) * e) / math.sqrt(a)
        x = x * alphas[index].sqrt().float() + alphas[index].item() * 0.01  # expect SYNC 1
        picture = ((x.clamp(-1, 1) + 1) * 127.5).to(torch.uint8).permute(0, 2, 3, 1)
        array = picture.cpu().numpy()  # expect D2H 1
        x = x + torch.from_numpy(array.copy()).permute(0, 3, 1, 2).to(device, torch.float32) * 1e-3  # expect H2D 1
    return x


def chatty(device: str, steps: int) -> Tensor:
    model = make_model(device)
    times = torch.linspace(900, 0, steps, device=device).long()
    names = ["early", "middle", "late"]
    best = torch.tensor(1e9, device=device)  # expect H2D 1 once
    x = torch.randn(1, 3, 8, 8, device=device)
    for position, t in enumerate(times):
        phase = names[(t < 600).long() + (t < 300).long()]  # expect SYNC 1
        x = x - 0.01 * model(x, t)
        loss = x.pow(2).mean()
        line = f"{position} {phase} {loss:.4f}"  # expect SYNC 1
        text = str(loss) if device == "cuda" else ""  # expect D2H 1
        best = min(best, loss)  # expect SYNC 1
        assert not torch.isnan(x).any()  # expect SYNC 1
        for _ in range(int(t) // 450):  # expect SYNC 1
            x = x * 0.999
        if torch.equal(x, x * 1):  # expect SYNC 1
            x = x + 0
        order = x.flatten().sort(descending=True).values[:4]
        ranks = order.tolist()  # expect D2H 1
        slot = bisect.bisect([0.0, 0.5, 1.0], loss)  # expect SYNC 2
        x = x + (slot - slot)
    return x


def sparse_events(device: str, steps: int) -> Tensor:
    model = make_model(device)
    sigmas = torch.linspace(3, 0.1, steps, device=device)
    mesh = torch.tensor([[2.0, 0.1], [0.1, 1.0]], device=device)  # expect H2D 1 once
    x = torch.randn(2, 3, 4, 4, device=device)
    history: list[Tensor] = []
    for i, sigma in enumerate(sigmas):
        d = model(x, sigma)
        history.append(d)
        if len(history) > 2:
            history.pop(0)
        index = (sigmas == sigma).nonzero()  # expect SYNC 1
        where = torch.searchsorted(-sigmas, -sigma)
        rhos = torch.linalg.solve(mesh, torch.stack([sigma, sigma * 2]))  # expect SYNC 1
        coefficient = torch.stack([sigma, rhos[0]]).sum()
        repeated = torch.repeat_interleave(x.mean((1, 2, 3)), 2)
        uneven = torch.repeat_interleave(x, torch.tensor([1, 1], device=device), dim=0)  # expect H2D 1 SYNC 1
        selected = torch.masked_select(x, x > 10)  # expect SYNC 1
        kinds = torch.unique((x > 0).long())  # expect SYNC 1
        pair = uneven[[1, 0]]  # expect H2D 1
        x = x + coefficient * sum(history) * 0.01 + pair * 0
        x[0, 0, 0, 0] = 0.5  # expect H2D 1
        x[1] = x[1] * 0.5
        row = x[i % 2]
    return x


def clean(device: str, steps: int) -> Tensor:
    model = make_model(device)
    sigmas = torch.linspace(3, 0.1, steps + 1, device=device)
    generator = torch.Generator(device).manual_seed(3)
    x = torch.randn(2, 3, 8, 8, device=device, generator=generator) * sigmas[0]
    half = torch.tensor(0.5)
    stream = torch.cuda.current_stream() if device == "cuda" else None
    for sigma, following in zip(sigmas[:-1], sigmas[1:], strict=True):
        x0 = model(torch.cat([x, x]), sigma.expand(4)).chunk(2)
        d = (x - torch.lerp(x0[0], x0[1], 0.3)) / sigma
        x = x + d * (following - sigma)
        x = x + torch.randn(x.shape, device=x.device, dtype=x.dtype, generator=generator) * following * half
        x = x.to(device).clamp_(-5, 5).contiguous()
        x[:, 0] = 0
        x[x.abs() > 4] = 0.0
        top = x.flatten(1).topk(3).values.mean()
        assert x.device.type == torch.device(device).type and x.is_cuda == (device == "cuda")
    return x
