"""weatherflow: its solvers of flows, on grids and on the sphere, and its Langevin sampler."""

from __future__ import annotations

import torch
from torch import nn
from weatherflow.models.flow_matching import WeatherFlowMatch, WeatherFlowODE
from weatherflow.solvers import RiemannianSolver, WeatherODESolver, langevin_dynamics


class Network(nn.Module):
    """Fields (B, C, 8, 16) and a time, () or (1): a velocity or a score."""

    def __init__(self, channels=3) -> None:
        super().__init__()
        self.field = nn.Conv2d(channels, channels, 3, padding=1)
        self.time = nn.Linear(1, channels)

    def forward(self, x, t):
        return self.field(x) + self.time(t.reshape(-1, 1))[..., None, None]


def small(**given):
    return WeatherFlowMatch(
        input_channels=3,
        hidden_dim=32,
        n_layers=1,
        grid_size=(8, 16),
        window_size=4,
        **{"use_attention": False, **given},
    )


def flow(**fixed):
    def build(device, steps, batch=2, model=None, static=False, dtype=torch.float32, **given):
        net = small(**(model or {}), static_channels=2 if static else 0).to(device, dtype)
        ode = WeatherFlowODE(net, **{**fixed, **given}).to(device)
        x = torch.randn(batch, 3, 8, 16, device=device, dtype=dtype)
        more = {"static": torch.randn(batch, 2, 8, 16, device=device, dtype=dtype)} if static else {}
        times = torch.linspace(0, 1, steps + 1, device=device, dtype=dtype)
        return net, torch.no_grad()(lambda: ode(x, times, **more))

    return build


def ensemble(device, steps, batch=2, members=2, noise=0.1, **given):
    net = small().to(device)
    ode = WeatherFlowODE(net, fast_mode=True, **given).to(device)
    x = torch.randn(batch, 3, 8, 16, device=device)
    times = torch.linspace(0, 1, steps + 1, device=device)
    return net, torch.no_grad()(lambda: ode.ensemble_forecast(x, times, num_members=members, noise_std=noise))


def solver(**fixed):
    def build(device, steps, batch=2, channels=3, **given):
        net = Network(channels).to(device)
        solve = WeatherODESolver(**{**fixed, **given}).solve
        x = torch.randn(batch, channels, 8, 16, device=device)
        times = torch.linspace(0, 1, steps + 1, device=device)
        return net, torch.no_grad()(lambda: solve(net, x, times)[0])

    return build


class OnSphere(nn.Module):
    """Points (B, 3) and a time: velocities along the sphere."""

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.Linear(4, 3)

    def forward(self, x, t):
        v = self.all(torch.cat([x, t.expand(len(x), 1)], -1))
        return v - (v * x).sum(-1, keepdim=True) * x


def sphere(device, steps, batch=4, dtype=torch.float32):
    net = OnSphere().to(device, dtype)
    x = nn.functional.normalize(torch.randn(batch, 3, device=device, dtype=dtype), dim=-1)
    times = torch.linspace(0, 1, steps + 1, device=device, dtype=dtype)
    return net, torch.no_grad()(lambda: RiemannianSolver().solve(net, x, times)[0])


def langevin(device, steps, batch=2, **given):
    net = Network().to(device)
    x = torch.randn(batch, 3, 8, 16, device=device)
    return net, torch.no_grad()(lambda: langevin_dynamics(net, x, n_steps=steps, **given))


SETTINGS = {
    "flow, Heun": flow(fast_mode=True),
    "flow, dopri5": flow(),
    "flow, RK4": flow(solver_method="rk4"),
    "ensemble": ensemble,
    "constrained, dopri5": solver(),
    "constrained, RK4": solver(method="rk4"),
    "unconstrained": solver(method="midpoint", physics_constraints=False),
    "sphere": sphere,
    "Langevin": langevin,
}
OTHERS = {
    "flow, Heun": (
        {"steps": 3},
        {"batch": 1, "static": True},
        {"model": {"physics_informed": False, "use_attention": True}},
        {"dtype": torch.float64},
    ),
    "flow, dopri5": ({"steps": 3}, {"batch": 1, "static": True}, {"rtol": 1e-3, "atol": 1e-3}),
    "flow, RK4": ({"steps": 3}, {"model": {"spherical_padding": True}}, {"dtype": torch.float64}),
    "ensemble": ({"steps": 3}, {"members": 3, "batch": 1}, {"noise": 0.0}),
    **dict.fromkeys(
        ("constrained, dopri5", "constrained, RK4"),
        ({"steps": 3}, {"channels": 1}, {"constraint_types": ["mass", "vorticity"]}, {"grid_spacing": (0.1, 0.2)}),
    ),
    "unconstrained": ({"steps": 3}, {"batch": 1}, {"physics_constraints": True}),
    "sphere": ({"steps": 3}, {"batch": 1}, {"dtype": torch.float64}),
    "Langevin": ({"steps": 3}, {"clip_grad": False}, {"clip_norm": 1e3, "step_size": 0.1}, {"clip_norm": 1e-3}),
}
