"""stable-audio-tools: its samplers of rectified flows and of v-diffusion around a small network."""

from __future__ import annotations

import torch
from stable_audio_tools.inference.sampling import sample, sample_k, sample_rf
from torch import nn

STAND_INS = ("k_diffusion", "stable_audio_tools.models", "torchaudio")


class Network(nn.Module):
    """Latents (B, 4, 16), times (B) and a guidance scale: the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = nn.Conv1d(4, 4, 3, padding=1)
        self.time = nn.Linear(1, 4)

    def forward(self, x, t, cfg_scale=1.0, return_info=False):
        out = self.latent(x) + self.time(t.to(x.dtype).reshape(-1, 1))[..., None]
        guided = out * cfg_scale
        return (guided, {"uncond_output": out}) if return_info else guided


class Shift:
    """A shift of times by the length, in the manner of its ``DistributionShift``."""

    def time_shift(self, t, seq_len):
        return 2.0 * t / (1.0 + t)


def setting(kind, **fixed):
    def build(device, steps, batch=2, dtype=torch.float32, shifted=False, from_data=False, **given):
        net = Network().to(device, dtype)
        asked = {"steps": steps, **fixed, **given}
        if shifted:
            asked["dist_shift"] = Shift()
        if kind is not sample:
            asked["device"] = device

        @torch.no_grad()
        def run():
            noise = torch.randn(batch, 4, 16, device=device, dtype=dtype)
            if from_data:
                asked["init_data"] = torch.randn(batch, 4, 16, device=device, dtype=dtype)
            return kind(net, noise, **asked)

        return net, run

    return build


FLOWS = {f"flow, {name}": setting(sample_rf, sampler_type=name) for name in ("euler", "dpmpp", "pingpong")}
SETTINGS = FLOWS | {
    "v-diffusion, DDIM": setting(sample_k, sampler_type="v-ddim"),
    "v-diffusion, guided++": setting(sample_k, sampler_type="v-ddim-cfgpp", cfg_scale=3.0),
    "v-diffusion, eta": setting(sample, eta=1.0),
}
USUAL = (
    {"steps": 3, "cfg_scale": 2.0},
    {"batch": 1, "from_data": True, "sigma_max": 0.7},
    {"dtype": torch.bfloat16},
)
OTHERS = dict.fromkeys(SETTINGS, USUAL) | {
    name: (*USUAL, {"shifted": True}) for name in ("v-diffusion, DDIM", "v-diffusion, guided++")
}
OTHERS["v-diffusion, eta"] = (
    {"steps": 3, "eta": 0.0},
    {"batch": 1, "sigma_max": 0.8},
    {"cfg_pp": True, "dtype": torch.bfloat16},
    {"shifted": True, "eta": 0.5},
)
