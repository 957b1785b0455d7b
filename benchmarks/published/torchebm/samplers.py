"""torchebm: its flow sampler in ODE and SDE mode, and its samplers of energies, around small networks."""

from __future__ import annotations

import torch
from torch import nn
from torchebm.core import BaseModel, CosineScheduler
from torchebm.samplers import (
    FlowSampler,
    GradientDescentSampler,
    HamiltonianMonteCarlo,
    LangevinDynamics,
    NesterovSampler,
)


class Network(nn.Module):
    """Images (B, 3, 8, 8), times (B), and classes (B) or none: a velocity, score or noise."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)
        self.kind = nn.Embedding(4, 3)

    def forward(self, x, t, y=None):
        v = self.image(x) + self.time(t.reshape(-1, 1))[..., None, None]
        return v if y is None else v + self.kind(y)[..., None, None]


class Energy(BaseModel):
    """Points (B, 2), and classes (B) or none: energies (B)."""

    def __init__(self, **given) -> None:
        super().__init__(**given)
        self.all = nn.Sequential(nn.Linear(2, 8), nn.SiLU(), nn.Linear(8, 1))
        self.kind = nn.Embedding(4, 1)

    def forward(self, x, y=None):
        energy = self.all(x) + x.square().sum(-1, keepdim=True)
        return (energy if y is None else energy + self.kind(y)).squeeze(-1)


def sampled(sampler, shape, steps, device, batch, classes, **asked):
    asked |= {"y": torch.arange(batch, device=device) % 4} if classes else {}
    return lambda: sampler.sample(dim=shape, n_steps=steps, n_samples=batch, **asked)


def flow(**fixed):
    def build(device, steps, batch=2, classes=False, dtype=torch.float32, asked=None, **given):
        net = Network().to(device, dtype)
        sampler = FlowSampler(net, dtype=dtype, device=device, **{**fixed, **given})
        return net, sampled(sampler, (3, 8, 8), steps, device, batch, classes, **(asked or {}))

    return build


def energy(kind, **fixed):
    def build(device, steps, batch=4, classes=False, dtype=torch.float32, decaying=False, asked=None, **given):
        net = Energy(device=device, dtype=dtype).to(device, dtype)
        if decaying:
            given["step_size"] = CosineScheduler(start_value=0.1, end_value=0.01, n_steps=steps)
        sampler = kind(net, dtype=dtype, device=device, **{"step_size": 0.05, **fixed, **given})
        return net, sampled(sampler, 2, steps, device, batch, classes, **(asked or {}))

    return build


SETTINGS = {
    "ODE, Euler": flow(integrator="euler"),
    "ODE, Heun, noise": flow(integrator="heun", prediction="noise", interpolant="vp", sample_eps=1e-3),
    "ODE, RK4, score": flow(integrator="rk4", prediction="score", interpolant="cosine", sample_eps=1e-3),
    "ODE, dopri5": flow(),
    "ODE, equilibrium": flow(integrator="midpoint", negate_velocity=True),
    "SDE, velocity": flow(mode="sde", sample_eps=1e-3),
    "SDE, Heun, sigma": flow(mode="sde", integrator="heun", diffusion_form="sigma", prediction="noise"),
    "SDE, decreasing, Tweedie": flow(
        mode="sde", diffusion_form="decreasing", last_step="Tweedie", interpolant="cosine", sample_eps=1e-3
    ),
    "Langevin": energy(LangevinDynamics),
    "HMC": energy(HamiltonianMonteCarlo, n_leapfrog_steps=3),
    "gradient descent": energy(GradientDescentSampler),
    "Nesterov": energy(NesterovSampler),
}
KEPT = {"return_trajectory": True, "return_diagnostics": True}
OTHERS = {
    name: (
        {"steps": 3},
        {"classes": True, "batch": 1},
        {"asked": {"return_diagnostics": True} if "dopri5" in name else KEPT},
        {"sample_eps": 1e-2, "dtype": torch.float64} if "DE" in name else {"decaying": True, "dtype": torch.float64},
    )
    for name in SETTINGS
}
