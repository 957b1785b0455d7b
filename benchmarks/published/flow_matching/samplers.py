"""flow-matching: its solvers of ODEs, of flows on manifolds and of discrete flows, around small networks."""

from __future__ import annotations

import torch
from flow_matching.path import MixtureDiscreteProbPath
from flow_matching.path.scheduler import PolynomialConvexScheduler
from flow_matching.solver import MixtureDiscreteEulerSolver, ODESolver, RiemannianODESolver
from flow_matching.utils import ModelWrapper
from flow_matching.utils.manifolds import FlatTorus, Sphere
from torch import nn


class Velocity(ModelWrapper):
    """Points (B, 3) and a time or times: a velocity."""

    def __init__(self) -> None:
        super().__init__(nn.Linear(4, 3))

    def forward(self, x, t, kinds=None):
        v = self.model(torch.cat([x, t.reshape(-1, 1).expand(len(x), 1)], -1))
        return v if kinds is None else v * (1 + kinds[:, None])


class Tokens(ModelWrapper):
    """Tokens (B, 6) and times (B): how probable each of 8 tokens is."""

    def __init__(self) -> None:
        super().__init__(nn.Embedding(8, 8))
        self.time = nn.Linear(1, 8)

    def forward(self, x, t):
        return (self.model(x) + self.time(t.reshape(-1, 1))[:, None]).softmax(-1)


def grid(device, steps, *, backwards=False):
    first, last = (1, 0) if backwards else (0, 1)
    return torch.linspace(first, last, steps + 1, device=device)


def ode(method, *, by_size=True):
    def build(device, steps, batch=4, kinds=False, gridded=False, kept=False, dtype=torch.float32, **given):
        net = Velocity().to(device, dtype)
        x = torch.randn(batch, 3, device=device, dtype=dtype)
        times = grid(device, steps if gridded or kept else 1).to(dtype)
        size = None if gridded or not by_size else 1 / steps
        more = {"kinds": torch.arange(batch, device=device)} if kinds else {}
        asked = {"step_size": size, "method": method, "time_grid": times, "return_intermediates": kept, **more, **given}
        return net, lambda: ODESolver(net).sample(x, **asked)

    return build


def likelihood(device, steps, batch=4, exact=False, method="euler"):
    net = Velocity().to(device)
    x = torch.randn(batch, 3, device=device)
    normal = torch.distributions.Independent(
        torch.distributions.Normal(torch.zeros(3, device=device), torch.ones(3, device=device)), 1
    )
    times = grid(device, 1, backwards=True)
    solver = ODESolver(net)

    def run():
        return solver.compute_likelihood(
            x, normal.log_prob, 1 / steps, method=method, time_grid=times, exact_divergence=exact
        )

    return net, run


def riemannian(manifold):
    def build(device, steps, batch=4, gridded=False, kept=False, method="euler", **given):
        net = Velocity().to(device)
        x = nn.functional.normalize(torch.randn(batch, 3, device=device), dim=-1)
        times = grid(device, steps if gridded or kept else 1)
        asked = {"time_grid": times, "return_intermediates": kept, "method": method, **given}
        size = None if gridded else 1 / steps
        return net, lambda: RiemannianODESolver(manifold(), net).sample(x, size, **asked)

    return build


def discrete(device, steps, batch=4, gridded=False, kept=False, spread=0.0, n=2.0, **given):
    net = Tokens().to(device)
    path = MixtureDiscreteProbPath(PolynomialConvexScheduler(n=n))
    even = torch.full((8,), 1 / 8, device=device) if spread else None
    solver = MixtureDiscreteEulerSolver(net, path, 8, even)
    x = torch.randint(0, 8, (batch, 6), device=device)
    times = grid(device, steps) if gridded or kept else torch.tensor([0.0, 1 - 1e-3], device=device)
    asked = {"time_grid": times, "return_intermediates": kept, "div_free": spread, **given}
    return net, lambda: solver.sample(x, None if gridded else 1 / steps, **asked)


SETTINGS = {
    "ODE, Euler": ode("euler"),
    "ODE, midpoint": ode("midpoint"),
    "ODE, dopri5": ode("dopri5", by_size=False),
    "likelihood": likelihood,
    "sphere": riemannian(Sphere),
    "torus": riemannian(FlatTorus),
    "discrete": discrete,
}
OTHERS = {
    **dict.fromkeys(
        ("ODE, Euler", "ODE, midpoint", "ODE, dopri5"),
        (
            {"steps": 3, "kinds": True},
            {"gridded": True, "batch": 1},
            {"kept": True, "steps": 4},
            {"dtype": torch.float64, "enable_grad": True},
        ),
    ),
    "likelihood": ({"steps": 3}, {"exact": True}, {"method": "midpoint", "batch": 1}),
    **dict.fromkeys(
        ("sphere", "torus"),
        (
            {"steps": 3, "method": "midpoint"},
            {"gridded": True, "batch": 1},
            {"kept": True, "method": "rk4"},
            {"projx": False, "proju": False},
        ),
    ),
    "discrete": (
        {"steps": 3, "n": 1.0},
        {"gridded": True, "batch": 1},
        {"kept": True, "steps": 4},
        {"dtype_categorical": torch.float64},
    ),
}
