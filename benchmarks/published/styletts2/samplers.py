"""styletts2: the samplers of its diffusion of styles, as its synthesis calls them, around a small network."""

from __future__ import annotations

import torch
from styletts2.Modules.diffusion.sampler import (
    ADPM2Sampler,
    AEulerSampler,
    DiffusionInpainter,
    DiffusionSampler,
    KarrasSampler,
    KarrasSchedule,
    KDiffusion,
    LinearSchedule,
    LogNormalDistribution,
    SpanBySpanComposer,
    UniformDistribution,
    VDiffusion,
    VKDiffusion,
    VKDistribution,
    VSampler,
)
from torch import nn

STAND_INS = (
    "librosa",
    "nltk",
    "phonemizer",
    "gruut",
    "langchain",
    "cached_path",
    "torchaudio",
    "munch",
    "matplotlib",
    "monotonic_align",
)


class Network(nn.Module):
    """Styles (B, 1, 8), times (B), texts (B, 3, 5) and features (B, 8) or none: a style."""

    def __init__(self) -> None:
        super().__init__()
        self.style = nn.Linear(8, 8)
        self.time = nn.Linear(1, 8)
        self.text = nn.Linear(5, 8)

    def forward(self, x, t, embedding=None, features=None, embedding_scale=1.0):
        y = self.style(x) + self.time(t.reshape(-1, 1))[:, None]
        y = y if features is None else y + features[:, None]
        return y if embedding is None else y + embedding_scale * self.text(embedding.mean(1))[:, None]


def diffusion(kind, net):
    if kind == "v":
        return VDiffusion(net, sigma_distribution=UniformDistribution())
    if kind == "vk":
        return VKDiffusion(net, sigma_distribution=VKDistribution())
    own = LogNormalDistribution(mean=-3.0, std=1.0)
    return KDiffusion(net, sigma_distribution=own, sigma_data=0.2, dynamic_threshold=0.0)


def setting(sampler, kind="k", schedule=None):
    def build(device, steps, batch=2, kind=kind, featured=False, clamp=False, rho=9.0, made=None, **given):
        net = Network().to(device)
        spaced = schedule() if schedule else KarrasSchedule(sigma_min=0.0001, sigma_max=3.0, rho=rho)
        asked = {"sampler": sampler(**(made or {})), "sigma_schedule": spaced, "clamp": clamp}
        whole = DiffusionSampler(diffusion(kind, net), **asked).to(device)
        given["embedding"] = torch.randn(batch, 3, 5, device=device)
        given |= {"features": torch.randn(batch, 8, device=device)} if featured else {}
        noise = torch.randn(batch, 8, device=device).unsqueeze(1)
        return net, lambda: whole(noise, num_steps=steps, **given).squeeze(1)

    return build


def inpainter(net, steps, resamples=2, rho=9.0):
    spaced = KarrasSchedule(sigma_min=0.0001, sigma_max=3.0, rho=rho)
    asked = {"num_steps": steps, "num_resamples": resamples, "sampler": ADPM2Sampler(), "sigma_schedule": spaced}
    return DiffusionInpainter(diffusion("k", net), **asked)


def inpainted(device, steps, batch=2, **given):
    net = Network().to(device)
    whole = inpainter(net, steps, **given).to(device)
    known, mask = torch.randn(batch, 1, 8, device=device), torch.rand(batch, 1, 8, device=device) < 0.5
    return net, torch.no_grad()(lambda: whole(known, mask))


def composed(device, steps, batch=2, spans=2, kept=False, **given):
    net = Network().to(device)
    whole = SpanBySpanComposer(inpainter(net, steps, **given), num_spans=spans).to(device)
    start = torch.randn(batch, 1, 8, device=device)
    return net, torch.no_grad()(lambda: whole(start, keep_start=kept))


SETTINGS = {
    "ADPM2": setting(ADPM2Sampler),
    "Karras": setting(KarrasSampler),
    "Euler, ancestral": setting(AEulerSampler),
    "v": setting(VSampler, "v", LinearSchedule),
    "inpainting": inpainted,
    "composed": composed,
}
OTHERS = {
    **dict.fromkeys(
        ("ADPM2", "Karras", "Euler, ancestral"),
        (
            {"steps": 3, "featured": True},
            {"embedding_scale": 2.0, "batch": 1},
            {"kind": "vk", "rho": 7.0},
            {"clamp": True, "steps": 8},
        ),
    ),
    "v": ({"steps": 3, "featured": True}, {"embedding_scale": 2.0, "batch": 1}, {"clamp": True}),
    "inpainting": ({"steps": 3}, {"resamples": 1, "batch": 1}, {"rho": 7.0}),
    "composed": ({"steps": 3, "kept": True}, {"spans": 3, "batch": 1}, {"resamples": 1}),
}
