"""earth2studio: the stochastic interpolant of Atlas around a small network."""

from __future__ import annotations

import earth2studio  # noqa: F401 - models has no __init__ and looks its path up in it
import torch
from earth2studio.models.nn.atlas import StochasticInterpolant
from torch import nn

STAND_INS = ("physicsnemo", "natten", "timm", "torch_harmonics", "loguru", "rich", "xarray", "dotenv", "fsspec")


class Drift(nn.Module):
    """The state (B, C, H, W) with its condition and times (B, 1): a drift."""

    def __init__(self, given=3):
        super().__init__()
        self.image, self.time = nn.Conv2d(given, 3, 3, padding=1), nn.Linear(1, 3)

    def forward(self, t, **given):
        state = given["I"]
        if "c_I" not in given:
            return self.image(state) + self.time(t)[..., None, None]
        out = self.image(state * given["c_I"][..., None, None]) + self.time(t)[..., None, None]
        return out * given["c_O"][..., None, None] + given["c_S"][..., None, None] * state[:, :3]


def interpolant(method, **fixed):
    def build(device, steps, batch=2, conditioned=False, **given):
        net = Drift(6 if conditioned else 3).to(device)
        made = StochasticInterpolant(sample_method=method, **fixed).to(device)
        state = torch.randn(batch, 3, 8, 8, device=device)
        given["cond"] = torch.randn(batch, 3, 8, 8, device=device) if conditioned else None

        def run():
            with torch.no_grad():
                return made.sample(net, state, steps=steps, **given)

        return net, run

    return build


SETTINGS = {
    "Atlas, Euler-Maruyama": interpolant("em"),
    "Atlas, Roberts": interpolant("rk_roberts", beta="beta_quad"),
    "Atlas, Rossler": interpolant("rk_rossler_a2"),
}
ATLAS = (
    {"steps": 3, "compute_normalization": True},
    {"batch": 1, "keep_every": 1},
    {"conditioned": True, "keep_every": 2},
)
OTHERS = dict.fromkeys(SETTINGS, ATLAS)
