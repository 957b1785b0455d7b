"""audiosr: its DDIM and PLMS samplers around a small model with the schedule of its latent diffusion."""

from __future__ import annotations

import torch
from audiosr.latent_diffusion.models.ddim import DDIMSampler
from audiosr.latent_diffusion.models.ddpm import DDPM
from audiosr.latent_diffusion.models.plms import PLMSSampler
from torch import nn

STAND_INS = (
    "audiosr.clap",
    "audiosr.latent_diffusion.modules.encoders",
    "audiosr.pipeline",
    "librosa",
    "torchvision",
    "torchaudio",
    "soundfile",
    "progressbar",
    "unidecode",
    "phonemizer",
)


class Network(nn.Module):
    """Latents (B, 4, 8, 8), times (B) and a condition: the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = nn.Conv2d(4, 4, 3, padding=1)
        self.time = nn.Linear(1, 4)

    def forward(self, x, t, cond):
        return self.latent(x) + self.time(t.to(x.dtype).reshape(-1, 1) / 1000)[..., None, None] + cond


class Model(DDPM):
    """Its diffusion model without the audio encoders: its schedule and formulas, and a small network."""

    def __init__(self, parameterization) -> None:
        nn.Module.__init__(self)
        self.v_posterior, self.parameterization = 0.0, parameterization
        self.model = Network()
        self.register_schedule(timesteps=1000, linear_start=0.0015, linear_end=0.0195)

    def apply_model(self, x, t, cond):
        return self.model(x, t, cond["concat"])


def setting(kind, parameterization="v", **fixed):
    def build(device, steps, batch=2, masked=False, scheduled=False, **given):
        model = Model(given.pop("parameterization", parameterization)).to(device)
        model.device = torch.device(device)
        sampler = kind(model, device=model.device)
        asked = {"unconditional_guidance_scale": 3.5, **fixed, **given}

        def run():
            shape = (batch, 4, 8, 8)
            cond, uncond = ({"concat": torch.randn(shape, device=device)} for _ in range(2))
            if masked:
                asked["mask"] = (torch.rand(shape, device=device) > 0.5).float()
                asked["x0"] = torch.randn(shape, device=device)
            if scheduled:
                asked["ucg_schedule"] = [1.5] * steps
            samples, _ = sampler.sample(
                steps, batch, shape[1:], cond, verbose=False, unconditional_conditioning=uncond, **asked
            )
            return samples

        return model.model, run

    return build


SETTINGS = {
    "DDIM": setting(DDIMSampler, eta=1.0),
    "DDIM, no guidance": setting(DDIMSampler, unconditional_guidance_scale=1.0),
    "DDIM, noise prediction": setting(DDIMSampler, "eps"),
    "PLMS": setting(PLMSSampler, "eps", unconditional_guidance_scale=1.0),
}
OTHERS = {
    name: ({"steps": 4}, {"batch": 1, "eta": 0.3}, {"masked": True}, {"temperature": 0.7, "noise_dropout": 0.2})
    for name in SETTINGS
} | {"DDIM": ({"steps": 4, "scheduled": True}, {"batch": 1, "eta": 0.0, "log_every_t": 1}, {"masked": True})}
