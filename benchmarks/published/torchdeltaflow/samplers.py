"""torchdeltaflow: its solvers, of flows, of equilibrium fields and of posteriors, around a small network."""

from __future__ import annotations

import torch
from deltaflow.inverse.likelihood import GaussianLikelihood
from deltaflow.inverse.operators import BlurOperator, DownsampleOperator, MaskOperator
from deltaflow.inverse.tweedie import LinearTweedie, VPTweedie
from deltaflow.solvers import EquilibriumSolver, EulerSolver, HeunSolver, PosteriorSolver
from torch import nn


class Network(nn.Module):
    """Images (B, 3, 8, 8), times (B) or none, and classes (B) or none: a velocity."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)
        self.kind = nn.Embedding(4, 3)

    def forward(self, x, t=None, y=None):
        v = self.image(x)
        if t is not None:
            v = v + self.time(t.reshape(-1, 1))[..., None, None]
        return v if y is None else v + self.kind(y)[..., None, None]


def started(device, batch, dtype, classes):
    x = torch.randn(batch, 3, 8, 8, device=device, dtype=dtype)
    return x, ({"y": torch.arange(batch, device=device) % 4} if classes else {})


def flow(kind):
    def build(device, steps, batch=2, dtype=torch.float32, classes=False, scale=1.0, partly=False, **given):
        net = Network().to(device, dtype)
        x, more = started(device, batch, dtype, classes)
        if partly:
            more |= {"x_cond": torch.randn_like(x), "t_start": 0.4}
        return net, lambda: kind(net, scale).sample(x, n_steps=steps, show_progress=False, **more, **given)

    return build


def equilibrium(**fixed):
    def build(device, steps, batch=2, dtype=torch.float32, classes=False, **given):
        net = Network().to(device, dtype)
        x, more = started(device, batch, dtype, classes)
        solver = EquilibriumSolver(net, **fixed)
        return net, lambda: solver.sample(x, n_steps=steps, show_progress=False, **more, **given)

    return build


def posterior(kind, tweedie, operator):
    def build(device, steps, batch=2, dtype=torch.float32, classes=False, reduction="sum", decoder=None, **given):
        net = Network().to(device, dtype)
        x, more = started(device, batch, dtype, classes)
        measured = operator().to(device)
        y = measured(torch.randn_like(x))
        likelihood = GaussianLikelihood(y, measured, sigma=0.5, reduction=reduction, decoder=decoder)
        solver = PosteriorSolver(kind(net), likelihood, tweedie(), **{"guidance_scale": 0.1, **given})
        return net, lambda: solver.sample(x, n_steps=steps, show_progress=False, **more)

    return build


SETTINGS = {
    "Euler": flow(EulerSolver),
    "Heun": flow(HeunSolver),
    "equilibrium": equilibrium(),
    "equilibrium, Nesterov": equilibrium(momentum=0.9),
    "posterior, masked": posterior(EulerSolver, LinearTweedie, lambda: MaskOperator(torch.ones(8, 8).tril())),
    "posterior, reduced": posterior(HeunSolver, LinearTweedie, DownsampleOperator),
    "posterior, blurred, VP": posterior(EulerSolver, VPTweedie, lambda: BlurOperator(channels=3)),
}
OTHERS = {
    "Euler": ({"steps": 3}, {"classes": True}, {"dtype": torch.float64, "scale": 1000.0}, {"partly": True}),
    "Heun": ({"steps": 3}, {"classes": True, "batch": 1}, {"dtype": torch.float64}, {"t_start": 0.25, "t_end": 0.5}),
    **dict.fromkeys(
        ("equilibrium", "equilibrium, Nesterov"),
        ({"steps": 3}, {"classes": True, "dtype": torch.float64}, {"momentum": 0.5}, {"momentum": 0.0}),
    ),
    **dict.fromkeys(
        ("posterior, masked", "posterior, reduced", "posterior, blurred, VP"),
        (
            {"steps": 3},
            {"grad_normalize": True},
            {"dtype": torch.float64, "reduction": "mean"},
            {"decoder": torch.tanh},
        ),
    ),
}
