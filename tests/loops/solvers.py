"""Solvers in the styles of several libraries; the lines were annotated from reading, before any was run.

One count was corrected afterwards, from PyTorch's source: ``x[:, 0] = a`` with a host number ``a`` copies nothing.
"""

# ruff: noqa: B905
from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn


class Denoiser(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.gain = nn.Linear(1, 3)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        return self.conv(x) * torch.tanh(self.gain(time.reshape(-1, 1).float()))[:, :, None, None]


def make(device: str) -> Denoiser:
    torch.manual_seed(3)
    return Denoiser().to(device)


@dataclass(frozen=True)
class FlowState:
    x: Tensor
    t: Tensor


def flow_with_a_dataclass(device: str, steps: int) -> Tensor:
    model = make(device)
    times = torch.linspace(1, 0, steps + 1)
    times = 3 * times / (1 + 2 * times)
    state = FlowState(torch.randn(1, 3, 8, 8, device=device), times[:1].to(device))  # expect H2D 1 once
    for now, after in zip(times[:-1].tolist(), times[1:].tolist()):
        velocity = model(state.x, torch.full((1,), now, device=device))
        moved = state.x + (after - now) * velocity
        state = replace(state, x=moved, t=state.t.new_tensor([after]))  # expect H2D 1
        if not torch.isfinite(state.x).all():  # expect SYNC 1
            raise ValueError(after)
    return state.x


def multistep_with_a_callback(device: str, steps: int) -> Tensor:
    model = make(device)
    sigmas = torch.linspace(5.0, 0.0, steps + 1, device=device)
    x = torch.randn(2, 3, 8, 8, device=device) * sigmas[0]
    ones = x.new_ones([2])
    history: list[float] = []

    def callback(info: dict[str, Any]) -> None:
        history.append(info["denoised"].norm().item())  # expect SYNC 1

    before = None
    for i in range(len(sigmas) - 1):
        denoised = model(x, sigmas[i] * ones)
        callback({"i": i, "sigma": sigmas[i], "denoised": denoised})
        h = sigmas[i].log() - sigmas[i + 1].log()
        mixed = denoised
        if sigmas[i + 1] != 0 and before is not None:  # expect SYNC 1
            ratio = (sigmas[i - 1].log() - sigmas[i].log()) / h
            mixed = (1 + 1 / (2 * ratio)) * denoised - 1 / (2 * ratio) * before
        x = sigmas[i + 1] / sigmas[i] * x - (-h).expm1() * mixed
        before = denoised
    return x


def a_generator_for_each_picture(device: str, steps: int) -> Tensor:
    model = make(device)
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in (1, 2)]
    x = torch.stack([torch.randn(3, 8, 8, generator=g) for g in generators]).to(device)  # expect H2D 1 once
    changes = []
    for step in range(steps):
        fresh = torch.stack([torch.randn(3, 8, 8, generator=g) for g in generators]).to(device)  # expect H2D 1
        new = x - 0.1 * model(x, torch.ones(2, device=device) * step) + 0.01 * fresh
        changes.append((new - x).abs().amax())
        x = new
    largest = torch.stack(changes).cpu().max().item()  # expect D2H 1 once
    return x * largest


def timesteps_looked_up(device: str, steps: int) -> Tensor:
    model = make(device)
    timesteps = torch.arange(steps, device=device).flip(0) * 10
    alphas = torch.linspace(0.99, 0.1, 10 * steps)
    x = torch.randn(1, 3, 8, 8, device=device)
    for t in timesteps:
        index = (timesteps == t).nonzero().item()  # expect SYNC 2
        a = alphas[t.cpu()]  # expect D2H 1
        x = (x - (1 - a) ** 0.5 * model(x, t)) / a**0.5
        x = x * alphas.to(device)[index]  # expect H2D 1
        # copy_to() in ATen/TensorIndexing.h: a host tensor of no dimensions becomes fill_() with a number.
        x[:, 0] = a
    return x
