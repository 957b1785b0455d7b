"""Guidance whose step is scaled by norms: numbers that are read, and go on in arithmetic with tensors."""

from __future__ import annotations

from collections.abc import Callable

import torch


class Denoiser(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = torch.nn.Linear(8, 8)

    def forward(self, x: torch.Tensor, t: int) -> torch.Tensor:
        return torch.tanh(self.mix(x)) * (0.5 + t / 20)


def guided(model: Denoiser, x: torch.Tensor, steps: int, scale: float) -> torch.Tensor:
    for t in range(steps, 0, -1):
        x = x.detach().requires_grad_(True)
        noise = model(x, t)
        distance = (noise - 0.3).square().mean()
        gradient = torch.autograd.grad(distance, x)[0]
        level = ((noise * noise).mean(dim=(0, 1), keepdim=True).sqrt() / 1.1).item()
        step = -level * 0.02
        rho = scale * step / (gradient * gradient).mean().sqrt().item()
        x = x - 0.1 * noise
        x += rho * gradient
        x = x + torch.randn_like(x) * float(distance.detach())
    return x.detach()


def build(device: str, steps: int) -> tuple[torch.nn.Module, Callable[[], torch.Tensor]]:
    model = Denoiser().to(device)

    def run() -> torch.Tensor:
        return guided(model, torch.randn(2, 8, device=device), steps, 1.5)

    return model, run
