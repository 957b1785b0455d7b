"""deepinv: its diffusion solvers, posterior samplers and Langevin iterations around a small denoiser."""

from __future__ import annotations

import deepinv
import numpy as np
import torch
from deepinv.models import Denoiser
from deepinv.optim.data_fidelity import L2
from deepinv.optim.prior import ScorePrior
from deepinv.sampling import (
    DDRM,
    DPS,
    ULA,
    AncestralSolver,
    DDIMSolver,
    DDPMSolver,
    DiffPIR,
    DPSDataFidelity,
    EulerSolver,
    FlowMatching,
    HeunSolver,
    ILVRDataFidelity,
    MomentMatchingDataFidelity,
    PiGDMDataFidelity,
    PosteriorDiffusion,
    ScoreSDEDataFidelity,
    SKRock,
    VarianceExplodingDiffusion,
    VariancePreservingDiffusion,
)
from torch import nn

STAND_INS = ("torchvision", "natsort", "h5py", "hdf5plugin", "torchmetrics", "timm")


class Network(Denoiser):
    """Images (B, 3, 8, 8) and a noise level: images."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(4, 3, 3, padding=1)

    def forward(self, x, sigma, *args, **kwargs):
        level = self._handle_sigma(sigma, batch_size=x.size(0), ndim=x.ndim, device=x.device, dtype=x.dtype)
        return self.image(torch.cat([x, level.expand(x.size(0), 1, *x.shape[2:])], 1))


def inverse_problem(device, batch, kind="inpainting"):
    noise = deepinv.physics.GaussianNoise(0.05)
    if kind == "inpainting":
        physics = deepinv.physics.Inpainting(mask=0.5, img_size=(3, 8, 8), noise_model=noise, device=device)
    else:
        physics = deepinv.physics.Denoising(noise_model=noise)
    return physics, physics(torch.rand(batch, 3, 8, 8, device=device))


def prior(sde, solver, **fixed):
    def build(device, steps, batch=2, call=None, start=1, end=0.001, random=True, **given):
        net = Network().to(device)
        options = {**fixed, **given}
        names = ("dtype", "alpha", "minus_one_one")
        rng = torch.Generator(device) if random else None
        of_solver = {name: value for name, value in options.items() if name not in names}
        timesteps = torch.linspace(start, end, steps + 1)
        solve = solver(timesteps=timesteps, rng=rng, **of_solver)
        of_sde = {name: value for name, value in options.items() if name in names}
        made = sde(denoiser=net, solver=solve, device=device, **of_sde)
        return net, lambda: made.sample((batch, 3, 8, 8), **{"seed": 1 if random else None, **(call or {})})

    return build


def posterior(fidelity, solver=EulerSolver, sde=VarianceExplodingDiffusion):
    def build(device, steps, batch=1, call=None, physics="inpainting", dtype=torch.float64, alpha=0.5, **given):
        net = Network().to(device)
        timesteps = torch.linspace(1, 0.001, steps + 1)
        rng = torch.Generator(device)
        solve = solver(timesteps=timesteps, rng=rng)
        made = sde(alpha=alpha, device=device, dtype=dtype)
        model = PosteriorDiffusion(
            data_fidelity=fidelity(denoiser=net, **given),
            denoiser=net,
            sde=made,
            solver=solve,
            dtype=dtype,
            device=device,
        )
        problem, y = inverse_problem(device, batch, physics)
        return net, lambda: model(y, problem, **{"x_init": (batch, 3, 8, 8), "seed": 1, **(call or {})})

    return build


def reconstruction(kind):
    def build(device, steps, batch=1, physics="inpainting", **given):
        net = Network().to(device)
        problem, y = inverse_problem(device, batch, physics)
        if kind is DDRM:
            model = DDRM(net, sigmas=np.linspace(1, 0, steps), **given)
        elif kind is DPS:
            model = DPS(net, num_steps=steps, device=device, **given)
        else:
            model = DiffPIR(net, L2(), max_iter=steps, device=device, **given)
        return net, lambda: model(y, problem)

    return build


def langevin(kind, **fixed):
    def build(device, steps, batch=1, physics="inpainting", **given):
        net = Network().to(device)
        problem, y = inverse_problem(device, batch, physics)
        options = {"alpha": 1.0, "sigma": 2 / 255, "step_size": 0.01, "burnin_ratio": 0.2, **fixed, **given}
        model = kind(prior=ScorePrior(net), data_fidelity=L2(sigma=0.05), max_iter=steps, thinning=1, **options)
        return net, lambda: model(y, problem)

    return build


SETTINGS = {
    "VE, Euler": prior(VarianceExplodingDiffusion, EulerSolver),
    "VE, Heun, ODE": prior(VarianceExplodingDiffusion, HeunSolver, alpha=0.0),
    "VP, Euler": prior(VariancePreservingDiffusion, EulerSolver),
    "VP, DDPM": prior(VariancePreservingDiffusion, DDPMSolver),
    "VP, DDIM": prior(VariancePreservingDiffusion, DDIMSolver),
    "VP, ancestral": prior(VariancePreservingDiffusion, AncestralSolver, eta=0.5),
    "flow matching, Euler": prior(FlowMatching, EulerSolver, alpha=0.0),
    "flow matching, Heun": prior(FlowMatching, HeunSolver, alpha=0.1),
    "posterior, DPS": posterior(DPSDataFidelity),
    "posterior, PiGDM": posterior(PiGDMDataFidelity),
    "posterior, moment matching": posterior(MomentMatchingDataFidelity),
    "posterior, score SDE": posterior(lambda denoiser, **given: ScoreSDEDataFidelity(**given)),
    "posterior, ILVR": posterior(lambda denoiser, **given: ILVRDataFidelity(**given), AncestralSolver),
    "DPS": reconstruction(DPS),
    "DDRM": reconstruction(DDRM),
    "DiffPIR": reconstruction(DiffPIR),
    "ULA": langevin(ULA),
    "SKRock": langevin(SKRock, eta=0.05, inner_iter=3),
}
PRIOR = (
    {"steps": 3, "batch": 1},
    {"call": {"get_trajectory": True}, "dtype": torch.float32},
    {"random": False, "alpha": 0.7, "minus_one_one": False},
    {"start": 0.9, "end": 0.01, "steps": 7},
)
POSTERIOR = (
    {"steps": 3, "batch": 2},
    {"dtype": torch.float32, "alpha": 1.0},
    {"call": {"get_trajectory": True, "denoise_output": False}},
    {"physics": "denoising", "weight": 0.5},
)
OTHERS = {name: POSTERIOR if name.startswith("posterior") else PRIOR for name in SETTINGS}
OTHERS["DPS"] = (
    {"steps": 3, "batch": 2},
    {"schedule": "ve", "solver": "euler"},
    {"solver": "ddim", "guidance": "annealed"},
    {"dtype": torch.float32, "weight": 0.3, "physics": "denoising"},
)
OTHERS["DDRM"] = ({"steps": 3, "batch": 2}, {"eta": 0.5, "etab": 0.7}, {"physics": "denoising"})
OTHERS["DiffPIR"] = ({"steps": 3, "batch": 2}, {"zeta": 0.5, "lambda_": 3.0}, {"physics": "denoising", "sigma": 0.1})
OTHERS["ULA"] = ({"steps": 3, "batch": 2}, {"clip": (-1.0, 2.0)}, {"thresh_conv": 0.01, "physics": "denoising"})
OTHERS["SKRock"] = ({"steps": 3, "batch": 2}, {"inner_iter": 4, "eta": 0.1}, {"clip": (-1.0, 2.0)})
