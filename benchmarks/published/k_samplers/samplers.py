"""k-samplers: the samplers of k-diffusion around its denoisers and a small network."""

from __future__ import annotations

from functools import partial
from types import SimpleNamespace

import torch
import torchvision.transforms  # noqa: F401 - a stand-in, which k-samplers takes for a module

# isort: split
from k_samplers import external, sampling
from torch import nn

STAND_INS = ("torchvision",)


class Network(nn.Module):
    """Images (B, 3, 8, 8) and times (B): images, twice the channels where a variance is learned."""

    def __init__(self, returned=3) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, returned, 3, padding=1)
        self.time = nn.Linear(1, returned)

    def forward(self, x, t, label=None):
        shown = self.image(x) + self.time(t.to(x.dtype)[:, None] / 1000)[..., None, None]
        return shown if label is None else shown + label[:, None, None, None]


def denoiser(kind, quantize, device, dtype):
    if kind == "v":
        net = Network().to(device, dtype)
        return net, external.VDenoiser(net).to(device)
    net = Network(6).to(device, dtype)
    products = torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64), 0).numpy()
    diffusion = SimpleNamespace(alphas_cumprod=products)
    return net, external.OpenAIDenoiser(net, diffusion, quantize=quantize, device=device)


SCHEDULES = {
    "karras": partial(sampling.get_sigmas_karras, sigma_min=0.05, sigma_max=10.0),
    "exponential": partial(sampling.get_sigmas_exponential, sigma_min=0.05, sigma_max=10.0),
    "vp": sampling.get_sigmas_vp,
}


def setting(sample, kind="v", schedule="karras", quantize=False, **fixed):
    def build(device, steps, batch=2, schedule=schedule, quantize=quantize, label=False, watch=False, **given):
        net, model = denoiser(kind, quantize, device, torch.float32)
        sigmas = model.get_sigmas(steps) if schedule == "own" else SCHEDULES[schedule](steps, device=device)
        options = {"disable": True, **fixed, **given}
        if label:
            options["extra_args"] = {"label": torch.rand(batch, device=device)}

        def run():
            seen = []
            if watch:
                options["callback"] = lambda step: seen.append(step["denoised"])
            x = torch.randn(batch, 3, 8, 8, device=device) * sigmas[0]
            return [sample(model, x, sigmas, **options), *seen]

        return net, run

    return build


def likelihood(device, steps, batch=2, kind="v", **given):
    net, model = denoiser(kind, False, device, torch.float32)
    x = torch.randn(batch, 3, 8, 8, device=device)
    options = {"sigma_min": 0.1, "sigma_max": 1.0, "atol": 10.0**-steps / 0.001, "rtol": 0.01, **given}
    return net, lambda: sampling.log_likelihood(model, x, **options)[0]


SETTINGS = {
    "Euler": setting(sampling.sample_euler),
    "Euler, churn": setting(sampling.sample_euler, s_churn=2.0),
    "Euler, ancestral": setting(sampling.sample_euler_ancestral),
    "Heun": setting(sampling.sample_heun),
    "DPM 2": setting(sampling.sample_dpm_2),
    "DPM 2, ancestral": setting(sampling.sample_dpm_2_ancestral),
    "LMS": setting(sampling.sample_lms),
    "Euler, discrete": setting(sampling.sample_euler, "eps", "own"),
    "Heun, quantized": setting(sampling.sample_heun, "eps", "own", quantize=True),
    "likelihood": likelihood,
}
COMMON = ({"steps": 3, "batch": 1}, {"schedule": "vp", "watch": True}, {"schedule": "exponential", "label": True})
OTHERS = dict.fromkeys(SETTINGS, COMMON)
for name in ("Euler", "Heun", "DPM 2"):
    OTHERS[name] = (*COMMON, {"s_churn": 3.0, "s_tmin": 0.1, "s_tmax": 5.0, "s_noise": 1.01})
OTHERS["LMS"] = (*COMMON, {"order": 2})
OTHERS["likelihood"] = ({"batch": 1}, {"kind": "eps"}, {"sigma_min": 0.2, "rtol": 0.1})
