"""imaginairy: its DDIM and PLMS solvers, and the samplers of its copy of k-diffusion, around a small network."""

from __future__ import annotations

import torch
import torchvision.transforms  # noqa: F401 - a stand-in, which imaginairy takes for a module

# isort: split
from imaginairy.samplers.ddim import DDIMSolver
from imaginairy.samplers.kdiff import CFGDenoiser, DPMPP2MSampler
from imaginairy.samplers.plms import PLMSSolver
from imaginairy.vendored.k_diffusion import external, sampling
from torch import nn

STAND_INS = ("torchvision", "torchsde", "skimage", "kornia", "pytorch_lightning", "open_clip", "cv2")


class Latent(nn.Module):
    """What the solvers ask of a latent diffusion model: its schedule and the network with its condition."""

    def __init__(self, parameterization="eps") -> None:
        super().__init__()
        self.parameterization = parameterization
        self.num_timesteps = 1000
        products = torch.cumprod(1 - torch.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2, 0)
        self.register_buffer("alphas_cumprod", products)
        self.register_buffer("sqrt_alphas_cumprod", products.sqrt())
        self.register_buffer("sqrt_one_minus_alphas_cumprod", (1 - products).sqrt())
        self.net = nn.Conv2d(4, 4, 3, padding=1)
        self.time = nn.Linear(1, 4)
        self.text = nn.Linear(4, 4)

    def apply_model(self, x, t, cond):
        shift = self.time(t.float()[:, None] / 1000) + self.text(cond.mean(1))
        return self.net(x) + shift[..., None, None]

    def scaled(self, t):
        return [each[t][:, None, None, None] for each in (self.sqrt_alphas_cumprod, self.sqrt_one_minus_alphas_cumprod)]

    def q_sample(self, x, t, noise):
        alpha, sigma = self.scaled(t)
        return alpha * x + sigma * noise

    def predict_eps_from_z_and_v(self, x, t, v):
        alpha, sigma = self.scaled(t)
        return alpha * v + sigma * x

    def predict_start_from_z_and_v(self, x, t, v):
        alpha, sigma = self.scaled(t)
        return alpha * x - sigma * v


def solver(kind):
    def build(device, steps, batch=1, parameterization="eps", guidance_scale=2.0, masked=False, start=None, **given):
        model = Latent(parameterization).to(device).eval()
        options = {"num_steps": steps, "shape": (batch, 4, 8, 8), "batch_size": batch, "t_start": start, **given}
        options |= {"guidance_scale": guidance_scale, "neutral_conditioning": torch.randn(batch, 3, 4, device=device)}
        options["positive_conditioning"] = torch.randn(batch, 3, 4, device=device)
        if masked or start is not None:
            options["orig_latent"] = torch.randn(batch, 4, 8, 8, device=device)
        if masked:
            options["mask"] = (torch.rand(1, 1, 8, 8) > 0.5).float().to(device)
        return model.net, lambda: kind(model).sample(**options)

    return build


def setting(sample, *, kind="eps", bounds=False, **fixed):
    def build(device, steps, batch=2, kind=kind, karras=False, watch=False, **given):
        model = Latent().to(device).eval()
        denoise = external.CompVisDenoiser(model) if kind == "eps" else external.CompVisVDenoiser(model)
        denoise = CFGDenoiser(denoise).to(device)
        texts = {name: torch.randn(batch, 3, 4, device=device) for name in ("cond", "uncond")}
        options = {"disable": True, "extra_args": {**texts, "cond_scale": 2.0}, **fixed, **given}
        sigmas = denoise.inner_model.get_sigmas(steps)
        if karras:
            sigmas = sampling.get_sigmas_karras(steps, 0.05, 10.0, device=device)
        if bounds:
            options |= {"sigma_min": 0.05, "sigma_max": 10.0}
            options |= {"n": steps} if sample is sampling.sample_dpm_fast else {}
        else:
            options["sigmas"] = sigmas

        def run():
            seen = []
            if watch:
                options["callback"] = lambda step: seen.append(step["denoised"])
            return [sample(denoise, torch.randn(batch, 4, 8, 8, device=device) * 10.0, **options), *seen]

        return model.net, run

    return build


SETTINGS = {
    "DDIM": solver(DDIMSolver),
    "PLMS": solver(PLMSSolver),
    "DPM++ 2M": solver(DPMPP2MSampler),
    "k Euler": setting(sampling.sample_euler),
    "k Euler, ancestral": setting(sampling.sample_euler_ancestral),
    "k Heun": setting(sampling.sample_heun),
    "k DPM 2": setting(sampling.sample_dpm_2),
    "k DPM 2, ancestral": setting(sampling.sample_dpm_2_ancestral),
    "k LMS": setting(sampling.sample_lms),
    "k DPM fast": setting(sampling.sample_dpm_fast, bounds=True),
    "k DPM adaptive": setting(sampling.sample_dpm_adaptive, bounds=True, rtol=0.5, atol=0.5),
    "k DPM++ 2S, ancestral": setting(sampling.sample_dpmpp_2s_ancestral),
}
SOLVER = (
    {"steps": 4, "guidance_scale": 1.0},
    {"batch": 2, "parameterization": "v"},
    {"masked": True, "start": 4, "temperature": 0.5},
)
COMMON = ({"steps": 3, "batch": 1}, {"kind": "v", "karras": True}, {"watch": True})
OTHERS = {name: COMMON if name.startswith("k ") else SOLVER for name in SETTINGS}
for name in ("k Euler", "k Heun", "k DPM 2"):
    OTHERS[name] += ({"s_churn": 3.0, "s_tmin": 0.1, "s_tmax": 5.0, "s_noise": 1.01},)
OTHERS["k DPM fast"] = ({"steps": 4, "batch": 1}, {"eta": 0.5, "kind": "v"})
OTHERS["k DPM adaptive"] = ({"batch": 1}, {"order": 2}, {"eta": 0.5, "kind": "v"})
OTHERS["DPM++ 2M"] = ({"steps": 4, "guidance_scale": 1.0}, {"batch": 2, "parameterization": "v"}, {"start": 4})
OTHERS["k DPM++ 2S, ancestral"] += ({"eta": 0.5, "s_noise": 0.9},)
