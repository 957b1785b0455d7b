"""flowpde: sampling of solutions by flows, by its solvers and its neural ODE, around its own small networks."""

from __future__ import annotations

import torch
from flowpde import MLP, ConvNet, NeuralODEFlow, ODEFlowSolver

STAND_INS = ("exponax", "jax", "matplotlib")


def solver(method, **fixed):
    def build(device, steps, batch=2, started=False, asked=None, **given):
        net = MLP(input_dim=8, hidden_dim=16, num_layers=1).to(device)
        condition = torch.randn(batch, 8, device=device)
        start = {"x_init": torch.randn(batch, 8, device=device)} if started else {}
        sampler = ODEFlowSolver(net, method=method, **{**fixed, **given})
        return net, lambda: sampler.sample(condition, n_steps=steps, **start, **(asked or {}))

    return build


def fields(device, steps, batch=2, channels=1, asked=None):
    net = ConvNet(input_channels=1, output_channels=1).to(device)
    condition = torch.randn(batch, 64, device=device)
    sampler = ODEFlowSolver(net, method="euler")
    return net, lambda: sampler.sample(condition, n_steps=steps, **(asked or {}))


def neural(**fixed):
    def build(device, steps, batch=2, asked=None, **given):
        net = MLP(input_dim=8, hidden_dim=16, num_layers=1).to(device)
        flow = NeuralODEFlow(net, **{**fixed, **given}).to(device)
        condition = torch.randn(batch, 8, device=device)
        return net, lambda: flow.sample(condition, n_steps=steps, target_shape=8, **(asked or {}))

    return build


def likelihood(device, steps, batch=2, **given):
    net = MLP(input_dim=8, hidden_dim=16, num_layers=1).to(device)
    flow = NeuralODEFlow(net, ode_method="rk4", ode_n_steps=steps, **given).to(device)
    u, condition = torch.randn(batch, 8, device=device), torch.randn(batch, 8, device=device)
    return net, torch.no_grad()(lambda: flow.log_prob(u, condition))


SETTINGS = {
    "Euler": solver("euler"),
    "midpoint": solver("midpoint"),
    "RK4": solver("rk4"),
    "dopri5": solver("dopri5"),
    "neural ODE, RK4": neural(ode_method="rk4"),
    "neural ODE, Euler": neural(ode_method="euler", base_distribution="gaussian"),
    "likelihood": likelihood,
}
OTHERS = {
    name: (
        {"steps": 3},
        {"batch": 1, "started": True},
        {"asked": {"return_trajectory": True}},
        {"asked": {"t_span": (0.0, 0.5), "no_grad": False}},
    )
    for name in ("Euler", "midpoint", "RK4", "dopri5")
}
OTHERS |= {
    name: (
        {"steps": 3, "batch": 1},
        {"asked": {"return_trajectory": True}},
        {"asked": {"solver": "midpoint"}},
        {"asked": {"no_grad": False, "adjoint": True}},
    )
    for name in ("neural ODE, RK4", "neural ODE, Euler")
}
OTHERS["likelihood"] = ({"steps": 3}, {"trace_estimator": "exact"}, {"n_trace_samples": 2, "batch": 1})
