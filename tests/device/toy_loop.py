"""A sampling loop with every kind of fault once, and some things that look like faults and are none."""

# ruff: noqa: F841
from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn


def sample(device: str, steps: int, on_step: Callable[[int], None] = lambda step: None) -> torch.Tensor:
    torch.manual_seed(11)
    model = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 4, 3, padding=1))
    model.to(device)  # expect H2D 4 once
    betas = np.linspace(1e-3, 0.02, 40)
    table = torch.tensor(betas, dtype=torch.float32).to(device)  # expect H2D 1 once
    batch = 2
    latents = torch.randn((batch, 4, 8, 8), device=device)
    context = torch.randn((batch, 4, 8, 8)).to(device)  # expect H2D 1 once
    for step in range(steps):
        on_step(step)
        times = torch.full((batch,), step, device=device)
        beta = torch.tensor(betas[step]).to(device)  # expect H2D 1
        sigma = torch.full((batch, 1, 1, 1), table[step], device=device)  # expect SYNC 1
        positions = torch.arange(10).to(device)  # expect H2D 1
        copy = latents.cpu().numpy()  # expect D2H 1
        if latents.abs().max() > 50:  # expect SYNC 1
            latents = latents.clamp(-50, 50)
        latents = torch.from_numpy(copy * 0.5).to(device)  # expect H2D 1
        host_noise = torch.randn((batch, 4, 8, 8)).to(device)  # expect H2D 1
        device_noise = torch.randn((batch, 4, 8, 8), device=device)
        weights = torch.tensor([1.0, 2.0], device=device)  # expect H2D 1
        predicted = model(latents + host_noise * 0.1 + device_noise * 0.1)
        latents = (latents - sigma * predicted) * beta.float()
        latents = latents * torch.tensor(0.5)
        outliers = latents[latents > 100]  # expect SYNC 1
        chosen = table[times[0]]  # expect SYNC 1
        swapped = latents[torch.tensor([1, 0])]  # expect H2D 1
        shown = f"{float(latents.mean()):.3f}"  # expect SYNC 1
        listed = times.tolist()  # expect D2H 1
        latents[0] = torch.zeros(4, 8, 8)  # expect H2D 1
        pinned = torch.zeros(4).pin_memory().to(device, non_blocking=True)  # expect H2D 1
        same = latents.to(device)
        assert same is latents
        assert latents.device == torch.device(device, 0) or device == "cpu"
        assert latents.is_cuda or device == "cpu"
    if device == "cuda":
        torch.cuda.synchronize()  # expect SYNC 1 once
    return latents
