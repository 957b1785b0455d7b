"""generate-chroma: the backbone diffusion of Chroma, integrated by its own solvers, around a small denoiser."""

from __future__ import annotations

import torch
from chroma.layers.structure.conditioners import RgConditioner, SymmetryConditioner
from chroma.layers.structure.diffusion import DiffusionChainCov
from torch import nn

STAND_INS = ("nglview", "sklearn")


class Denoiser(nn.Module):
    """Backbones (B, N, 4, 3), chains (B, N) and a time: backbones, seen from their centre."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(13, 16), nn.SiLU(), nn.Linear(16, 12))

    def forward(self, coordinates, chains, t):
        centre = coordinates.mean((1, 2), keepdim=True)
        seen = ((coordinates - centre) / 10).flatten(2)
        time = torch.as_tensor(t, device=seen.device, dtype=seen.dtype).reshape(-1, 1, 1).expand(*seen.shape[:2], 1)
        moved = self.layers(torch.cat([seen, time], -1)).reshape(coordinates.shape)
        return coordinates + moved


def chain_map(lengths, batch, missing):
    chains = torch.cat([torch.full((length,), i + 1) for i, length in enumerate(lengths)]).repeat(batch, 1)
    chains[:, :missing] *= -1
    return chains


def setting(conditioner=None, **fixed):
    def build(device, steps, lengths=(6, 5), batch=1, missing=0, model="globular", schedule="log_snr", **given):
        net = Denoiser().to(device)
        diffusion = DiffusionChainCov(
            log_snr_range=(-7.0, 13.5),
            noise_schedule=schedule,
            covariance_model=model,
            complex_scaling=True,
        ).to(device)
        chains = chain_map(lengths, batch, missing).to(device)
        asked = {"inverse_temperature": 10.0, "langevin_factor": 2.0, **fixed, **given}
        condition = conditioner(diffusion).to(device) if conditioner else None

        def run():
            made = diffusion.sample_sde(net, chains, conditioner=condition, N=steps, **asked)
            return made["X_sample"], made["Xhat_trajectory"][-1], made["C"]

        return net, run

    return build


def radius(diffusion):
    return RgConditioner(scale=1.0)


def symmetry(diffusion):
    return SymmetryConditioner(G="C_3", num_chain_neighbors=1)


SETTINGS = {
    "Langevin": setting(sde_func="langevin"),
    "reverse SDE": setting(sde_func="reverse_sde"),
    "ODE": setting(sde_func="ode"),
    "Langevin, Heun": setting(sde_func="langevin", integrate_func="heun"),
    "Langevin, radius of gyration": setting(radius, sde_func="langevin"),
    "Langevin, symmetry": setting(symmetry, sde_func="langevin"),
}
MANNERS = (
    {"steps": 3, "langevin_isothermal": False},
    {"lengths": (8,), "batch": 2, "remap_time": True, "align_X0": False},
    {"missing": 2, "inverse_temperature": 1.0, "remove_drift_translate": True, "remove_noise_translate": True},
    {"model": "brownian", "schedule": "ot_linear", "tspan": (0.9, 0.01)},
)
OTHERS = dict.fromkeys(SETTINGS, MANNERS) | {
    "Langevin, symmetry": (MANNERS[0], {**MANNERS[1], "batch": 1}, *MANNERS[2:]),
}
