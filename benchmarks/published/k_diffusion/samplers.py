"""k-diffusion: its samplers around a small network in its denoisers; noise is drawn step by step."""

from __future__ import annotations

import torch
from k_diffusion import sampling
from k_diffusion.external import DiscreteEpsDDPMDenoiser, VDenoiser
from k_diffusion.layers import Denoiser
from torch import nn

STAND_INS = ("torchsde", "torchvision", "clip", "cleanfid", "dctorch", "jsonmerge", "skimage", "accelerate", "wandb")


class Network(nn.Module):
    """Images (B, 3, 8, 8), noise levels or steps (B), and classes (B) or none: an image."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)
        self.kind = nn.Embedding(4, 3)

    def forward(self, x, sigma, kinds=None):
        y = self.image(x) + self.time(sigma.to(x.dtype).reshape(-1, 1).log1p())[..., None, None]
        return y if kinds is None else y + self.kind(kinds)[..., None, None]


def denoiser(net, kind, device):
    if kind == "v":
        return VDenoiser(net).to(device)
    if kind.startswith("discrete"):
        cumulated = torch.linspace(0.9999, 0.98, 1000).cumprod(0)
        return DiscreteEpsDDPMDenoiser(net, cumulated, quantize=kind == "discrete, rounded").to(device)
    return Denoiser(net, sigma_data=0.5).to(device)


def spaced(schedule, steps, device):
    if schedule == "karras":
        return sampling.get_sigmas_karras(steps, 0.02, 10.0, device=device)
    if schedule == "vp":
        return sampling.get_sigmas_vp(steps, device=device)
    return sampling.get_sigmas_polyexponential(steps, 0.02, 10.0, device=device)


def setting(kind, *, drawn=False, ranged=False):
    def build(device, steps, batch=2, denoised="edm", schedule="karras", classes=False, dtype=torch.float32, **given):
        net = Network().to(device, dtype)
        model = denoiser(net, denoised, device)
        sigmas = spaced(schedule, steps, device)
        x = torch.randn(batch, 3, 8, 8, device=device, dtype=dtype) * sigmas[0]
        extra = {"kinds": torch.arange(batch, device=device) % 4} if classes else {}
        asked = {"extra_args": extra, "disable": True, **given}
        if drawn:
            asked["noise_sampler"] = lambda sigma, sigma_next: torch.randn_like(x)
        if kind is sampling.sample_dpm_fast:
            return net, lambda: kind(model, x, 0.02, 10.0, steps, **asked)
        if ranged:
            return net, lambda: kind(model, x, 0.02, 10.0, **asked)
        return net, lambda: kind(model, x, sigmas, **asked)

    return build


@torch.no_grad()
def likelihood(device, steps, batch=2, denoised="edm", **given):
    net = Network().to(device)
    model = denoiser(net, denoised, device)
    x = torch.randn(batch, 3, 8, 8, device=device)
    return net, lambda: sampling.log_likelihood(model, x, 0.02, 10.0, **given)[0]


SETTINGS = {
    "Euler": setting(sampling.sample_euler),
    "Euler, ancestral": setting(sampling.sample_euler_ancestral),
    "Heun": setting(sampling.sample_heun),
    "DPM-2": setting(sampling.sample_dpm_2),
    "DPM-2, ancestral": setting(sampling.sample_dpm_2_ancestral),
    "LMS": setting(sampling.sample_lms),
    "DPM, fast": setting(sampling.sample_dpm_fast),
    "DPM, adaptive": setting(sampling.sample_dpm_adaptive, ranged=True),
    "DPM++ 2S, ancestral": setting(sampling.sample_dpmpp_2s_ancestral),
    "DPM++, SDE": setting(sampling.sample_dpmpp_sde, drawn=True),
    "DPM++ 2M": setting(sampling.sample_dpmpp_2m),
    "DPM++ 2M, SDE": setting(sampling.sample_dpmpp_2m_sde, drawn=True),
    "DPM++ 3M, SDE": setting(sampling.sample_dpmpp_3m_sde, drawn=True),
    "likelihood": likelihood,
}
CHURNED = {"s_churn": 10.0, "s_noise": 1.003, "s_tmin": 0.05, "s_tmax": 50.0}
STOCHASTIC = ("ancestral", "SDE", "DPM, fast")
OTHERS = {
    name: (
        {"steps": 3, "classes": True},
        {"denoised": "v", "schedule": "exponential", "batch": 1},
        {"denoised": "discrete, rounded", "schedule": "vp"},
        {"eta": 0.5, "s_noise": 0.9, "denoised": "discrete"}
        if any(each in name for each in STOCHASTIC)
        else (CHURNED if name in ("Euler", "Heun", "DPM-2") else {"dtype": torch.float64}),
    )
    for name in SETTINGS
}
OTHERS["LMS"] = ({"steps": 3}, {"order": 2, "classes": True}, {"denoised": "v", "schedule": "vp", "order": 3})
OTHERS["DPM, adaptive"] = ({"order": 2}, {"rtol": 0.1, "eta": 0.3}, {"classes": True, "batch": 1, "pcoeff": 0.2})
OTHERS["likelihood"] = ({"batch": 1}, {"rtol": 1e-3, "atol": 1e-3}, {"denoised": "v"})
