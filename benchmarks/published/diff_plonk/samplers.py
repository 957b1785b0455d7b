"""diff-plonk: its samplers of places on the earth, around its own small network or a stand-in for its older ones.

``geoopt`` is not installed: a sphere is given that projects as it does.
"""

from __future__ import annotations

import torch
from plonk.models.networks.mlp import GeoAdaLNMLP
from plonk.models.preconditioning import DDPMPrecond
from plonk.models.samplers.ddim import ddim_sampler
from plonk.models.samplers.ddpm import ddpm_sampler
from plonk.models.samplers.edm import edm_sampler
from plonk.models.samplers.flow_sampler import flow_sampler
from plonk.models.samplers.riemannian_flow_sampler import riemannian_flow_sampler
from plonk.models.schedulers import CosineScheduler, CosineSchedulerSimple, LinearScheduler, SigmoidScheduler
from torch import nn

STAND_INS = (
    "geoopt",
    "torchvision",
    "transformers",
    "xformers",
    "hydra",
    "lightning",
    "pytorch_lightning",
    "webdataset",
    "pandas",
)


class Sphere:
    """What the sampler asks of ``geoopt.Sphere``."""

    def projx(self, x):
        return x / x.norm(dim=-1, keepdim=True)


def pipeline(sampler, **fixed):
    def build(device, steps, batch=4, scheduler=None, **given):
        net = GeoAdaLNMLP(3, 32, 1, 2, 5).to(device).requires_grad_(False).eval()
        precond = DDPMPrecond()
        noised = {"y": torch.randn(batch, 3, device=device), "emb": torch.randn(batch, 5, device=device)}
        asked = {"conditioning_keys": "emb", "num_steps": steps, **fixed, **given}
        asked["scheduler"] = scheduler or SigmoidScheduler(-7, 3, 1.0)
        return net, lambda: sampler(lambda *a, **k: precond(net, *a, **k), dict(noised), **asked)

    return build


class Recurrent(nn.Module):
    """Points (B, 3) with what they depend on and what was carried over: a denoised point, and what to carry over."""

    sigma_min, sigma_max = 0.0, float("inf")

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.Linear(12, 6)

    def round_sigma(self, sigma):
        return torch.as_tensor(sigma)

    def forward(self, x, t=None, conditioning=None, previous_latents=None):
        if isinstance(x, dict):
            x, t, conditioning, previous_latents = x["y"], x["gamma"], x["emb"], x["previous_latents"]
        carried = torch.zeros_like(x) if previous_latents is None else previous_latents
        conditioning = torch.zeros(len(x), 5, device=x.device) if conditioning is None else conditioning
        both = self.all(torch.cat([x, t[:, None], conditioning, carried], -1).float())
        return both.chunk(2, dim=-1)


def ddpm(device, steps, batch=4, scheduler=None, guided=True, carried=True, **given):
    net = Recurrent().to(device).requires_grad_(False)
    noised = {"y": torch.randn(batch, 3, device=device), "emb": torch.randn(batch, 5, device=device)}
    noised["previous_latents"] = torch.zeros(batch, 3, device=device) if carried else None
    without = torch.zeros(batch, 5, device=device)
    asked = {"conditioning_keys": ["emb"], "uncond_tokens": without, "cfg_rate": 1.5} if guided else {}
    asked |= {"num_steps": steps, "scheduler": scheduler or SigmoidScheduler(), **given}
    return net, lambda: ddpm_sampler(net, dict(noised), **asked)


def edm(device, steps, batch=4, conditioned=True, **given):
    net = Recurrent().to(device).requires_grad_(False)
    x = torch.randn(batch, 3, device=device)
    given["conditioning"] = torch.randn(batch, 5, device=device) if conditioned else None
    return net, lambda: edm_sampler(net, x, num_steps=steps, **given)


SETTINGS = {
    "flow": pipeline(flow_sampler),
    "flow, guided": pipeline(flow_sampler, cfg_rate=2.0),
    "flow on the sphere": pipeline(riemannian_flow_sampler, manifold=Sphere(), cfg_rate=2.0),
    "DDIM": pipeline(ddim_sampler),
    "DDIM, guided": pipeline(ddim_sampler, cfg_rate=2.0),
    "DDPM, carried over": ddpm,
    "EDM, carried over": edm,
}
OTHERS = {
    name: (
        {"steps": 3},
        {"scheduler": LinearScheduler(), "batch": 1},
        {"scheduler": CosineScheduler(), "return_trajectories": True},
        {"scheduler": CosineSchedulerSimple(), "cfg_rate": 0 if "guided" in name else 1.0},
    )
    for name in SETTINGS
}
OTHERS["DDPM, carried over"] = (
    {"steps": 3, "guided": False},
    {"scheduler": LinearScheduler(), "carried": False, "guided": False},
    {"scheduler": CosineScheduler(), "batch": 1, "cfg_rate": 0},
)
OTHERS["EDM, carried over"] = (
    {"steps": 3, "conditioned": False},
    {"S_churn": 20.0, "S_noise": 1.003},
    {"S_churn": 10.0, "S_min": 0.05, "S_max": 50.0, "batch": 1},
    {"sigma_max": 10.0, "sigma_min": 0.01, "rho": 5},
)
