"""ito-vision: its samplers over its methods, around a small network."""

from __future__ import annotations

import torch
from ito_vision.discretizations import DDBMDiscretization, KarrasDiscretization, LinearDiscretization
from ito_vision.methods import BBDM, DDBM_VE, DDBM_VP, DDPM, GOUB, I2SB, IRSDE, FlowMatching, InDI, ResShift, UniDB
from ito_vision.parametrizations import ClassifierFreeGuidanceParametrization, IdentityParametrization
from ito_vision.samplers import (
    AncestralSampler,
    DDIMSampler,
    EulerMaruyamaSampler,
    LangevinHeunSampler,
    MeanODESampler,
    RKDDIMSampler,
    RungeKutta2Sampler,
)
from ito_vision.schedulers import (
    CosineScheduler,
    ExponentialScheduler,
    LinearScheduler,
    QuadraticScheduler,
    QuadraticSymmetricScheduler,
)
from torch import nn


class Network(nn.Module):
    """Images (B, 3, 8, 8), a time and another image or none: images."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.other = nn.Conv2d(3, 3, 1)
        self.time = nn.Linear(1, 3)

    def forward(self, x, t, y=None):
        shown = self.image(x) + self.time(t.reshape(-1, 1))[..., None, None]
        if y is not None:
            shown = shown + self.other(y).repeat(len(x) // len(y), 1, 1, 1)
        return shown


def setting(method, sampler, schedule=LinearScheduler, discretization=LinearDiscretization):
    def build(
        device,
        steps,
        batch=2,
        schedule=schedule,
        discretization=discretization,
        target="x0",
        clip=(-1, 1),
        guidance=None,
        y=True,
        trajectory=False,
        **given,
    ):
        net = Network().to(device)
        parametrization = IdentityParametrization(target)
        if guidance is not None:
            parametrization = ClassifierFreeGuidanceParametrization(guidance, target)
        process = method(schedule(), clip=clip, parametrization=parametrization)
        solver = sampler(N=steps, quiet=True, **given)
        seen = torch.rand(batch, 3, 8, 8, device=device) * 2 - 1

        def run():
            start = process.base_distribution(seen)
            return process.sample(
                discretization(), solver, net, start, seen if y else None, return_trajectory=trajectory
            )

        return net, run

    return build


SETTINGS = {
    "DDPM, ancestral": setting(DDPM, AncestralSampler),
    "DDPM, DDIM": setting(DDPM, DDIMSampler, CosineScheduler),
    "DDPM, Euler-Maruyama": setting(DDPM, EulerMaruyamaSampler, LinearScheduler, KarrasDiscretization),
    "flow, Runge-Kutta": setting(FlowMatching, RungeKutta2Sampler),
    "flow, RK-DDIM": setting(FlowMatching, RKDDIMSampler),
    "IR-SDE, Langevin, Heun": setting(IRSDE, LangevinHeunSampler),
    "BBDM, ancestral": setting(BBDM, AncestralSampler, QuadraticSymmetricScheduler),
    "GOUB, mean ODE": setting(GOUB, MeanODESampler),
    "UniDB, Euler-Maruyama": setting(UniDB, EulerMaruyamaSampler),
    "I2SB, ancestral": setting(I2SB, AncestralSampler, QuadraticSymmetricScheduler),
    "InDI, DDIM": setting(InDI, DDIMSampler),
    "ResShift, ancestral": setting(ResShift, AncestralSampler, ExponentialScheduler),
    "DDBM VE, Langevin, Heun": setting(DDBM_VE, LangevinHeunSampler, QuadraticScheduler, DDBMDiscretization),
    "DDBM VP, DDIM": setting(DDBM_VP, DDIMSampler),
}
COMMON = (
    {"steps": 3, "batch": 1},
    {"trajectory": True, "clip": None},
    {"target": "epsilon", "discretization": KarrasDiscretization},
)
OTHERS = dict.fromkeys(SETTINGS, COMMON)
OTHERS["DDPM, ancestral"] += ({"y": False, "schedule": CosineScheduler}, {"guidance": 2.0})
OTHERS["DDPM, DDIM"] += ({"y": False, "target": "v"},)
OTHERS["DDPM, Euler-Maruyama"] += ({"Lambda": 0.0, "target": "score"},)
OTHERS["flow, Runge-Kutta"] += ({"variant": "ralston", "target": "diff"},)
OTHERS["flow, RK-DDIM"] += ({"variant": "midpoint", "y": False},)
