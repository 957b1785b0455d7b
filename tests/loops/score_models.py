"""Loops of score models, and a training step, in the styles of their reference code; each line says what it must do."""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def make(device: str) -> nn.Module:
    torch.manual_seed(3)
    return nn.Conv2d(3, 3, 3, padding=1).to(device)


def predictor_corrector(device: str, steps: int) -> Tensor:
    model = make(device)
    sigmas = torch.linspace(0.01, 1.0, 1000)
    timesteps = torch.linspace(1, 1e-3, steps, device=device)
    x = torch.randn(2, 3, 8, 8, device=device)
    for i in range(steps):
        score, noise = model(x), torch.randn_like(x)
        ratio = noise.reshape(2, -1).norm(dim=-1).mean() / score.reshape(2, -1).norm(dim=-1).mean()
        step_size = 2 * (0.16 * ratio) ** 2
        x = x + step_size * score + torch.sqrt(step_size * 2) * noise
        timestep = (torch.ones(2, device=device) * timesteps[i] * 999).long()
        sigma = sigmas.to(timestep.device)[timestep]  # expect H2D 1
        before = sigmas.to(timestep.device)[timestep - 1]  # expect H2D 1
        before = torch.where(timestep == 0, torch.zeros_like(sigma), before)
        spread = torch.sqrt(sigma**2 - before**2)[:, None, None, None]
        x = x + spread**2 * model(x) + spread * torch.randn_like(x)
    return x


def extracted(table: np.ndarray, timesteps: Tensor, x: Tensor) -> Tensor:
    values = torch.from_numpy(table).to(device=timesteps.device)[timesteps].float()  # expect H2D 1
    while values.dim() < x.dim():
        values = values[..., None]
    return values.expand(x.shape)


def ancestral_from_numpy_tables(device: str, steps: int) -> Tensor:
    model = make(device)
    betas = np.linspace(1e-3, 0.02, steps)
    products = np.cumprod(1 - betas)
    spaced = list(range(0, 1000, 1000 // steps))
    x = torch.randn(2, 3, 8, 8, device=device)
    for i in reversed(range(steps)):
        t = torch.tensor([i] * x.shape[0], device=device)  # expect H2D 1
        named = torch.tensor(spaced, device=t.device, dtype=t.dtype)[t]  # expect H2D 1
        noise = model(x) * (1 + 1e-3 * named)[:, None, None, None]
        x0 = extracted(np.sqrt(1 / products), t, x) * x - extracted(np.sqrt(1 / products - 1), t, x) * noise
        log_variance = extracted(np.log(betas), t, x)
        moves = (t != 0).float().view(-1, 1, 1, 1)
        x = 0.5 * (x + x0.clamp(-1, 1)) + moves * torch.exp(0.5 * log_variance) * torch.randn_like(x)
    return x


def keep_known(x: Tensor, noised: Tensor, known: Tensor) -> None:
    x[known] = noised[known]  # expect SYNC 2


def inpainting_with_resampling(device: str, steps: int) -> Tensor:
    model = make(device)
    picture = torch.rand(1, 3, 8, 8).to(device)  # expect H2D 1 once
    known = torch.ones(1, 1, 8, 8, dtype=torch.bool, device=device)
    known[..., 2:6, 2:6] = False
    known = known.expand_as(picture)
    x = torch.randn_like(picture)
    for step in range(steps):
        for again in (True, False):
            keep_known(x, picture + torch.randn_like(picture) / (step + 1), known)
            x = x - 0.1 * model(x)
            if again:
                x = x + 0.05 * torch.randn_like(x)
    return x.clamp_(-1, 1)


def adaptive_steps(device: str, steps: int) -> Tensor:
    model = make(device)
    x = torch.randn(2, 3, 8, 8, device=device)
    h = 0.5
    for _ in range(steps):
        slope = model(x)
        low = x + h * slope
        high = x + h / 2 * (slope + model(low))
        tolerance = (torch.maximum(low.abs(), high.abs()) * 0.05).clamp(min=0.0078)
        error = torch.linalg.norm(((low - high) / tolerance).flatten()) / x.numel() ** 0.5
        if error < 1:  # expect SYNC 1
            x = high
        h = min(h * 0.9 * error.item() ** -0.5, 1.0)  # expect SYNC 1
    return x


def training(device: str, steps: int) -> Tensor:
    model = make(device)
    average = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(steps):
        pictures = torch.randn(4, 3, 8, 8).to(device, non_blocking=True)  # expect H2D 1
        noise = torch.randn_like(pictures)
        level = torch.rand(4, 1, 1, 1, device=device)
        loss = F.mse_loss(model(pictures + level * noise), noise)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses.append(loss.item())  # expect SYNC 1
        with torch.no_grad():
            for kept, trained in zip(average.parameters(), model.parameters(), strict=True):
                kept.lerp_(trained, 0.01)
    return torch.cat([average.weight.detach().flatten(), torch.tensor(losses, device=device)])  # expect H2D 1 once
