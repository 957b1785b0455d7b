"""denoising-diffusion-pytorch: the sampling loops of each of its diffusions, around its own small networks."""

from __future__ import annotations

import torch
from denoising_diffusion_pytorch import (
    ContinuousTimeGaussianDiffusion,
    ElucidatedDiffusion,
    GaussianDiffusion,
    GaussianDiffusion1D,
    LearnedGaussianDiffusion,
    Unet,
    Unet1D,
    VParamContinuousTimeGaussianDiffusion,
    classifier_free_guidance,
    guided_diffusion,
    repaint,
    simple_diffusion,
)
from torch import nn

STAND_INS = (
    "torchvision",
    "accelerate",
    "pytorch_fid",
    "torchaudio",
    "x_mlps_pytorch",
    "torch_einops_utils",
    "hyper_connections",
)
SMALL = {"dim": 8, "dim_mults": (1, 2), "attn_dim_head": 8, "attn_heads": 2}


def images(kind, net=Unet, *, spaced=False, built=None, sized=None, **fixed):
    def build(device, steps, batch=2, conditioned=False, asked=None, **given):
        own = {"self_condition": True} if conditioned else {}
        model = net(**SMALL, **(built or {}), **own)
        times = {"timesteps": 20, "sampling_timesteps": steps} if spaced else {"timesteps": steps}
        diffusion = kind(model, image_size=sized or 8, **times, **{**fixed, **given}).to(device).eval()
        return model.init_conv, lambda: diffusion.sample(batch_size=batch, **(asked or {}))

    return build


def sequences(*, spaced):
    def build(device, steps, batch=2, conditioned=False, asked=None, **given):
        model = Unet1D(**SMALL, self_condition=conditioned)
        times = {"timesteps": 20, "sampling_timesteps": steps} if spaced else {"timesteps": steps}
        diffusion = GaussianDiffusion1D(model, seq_length=16, **times, **given).to(device).eval()
        return model.init_conv, lambda: diffusion.sample(batch_size=batch, **(asked or {}))

    return build


def labelled(*, spaced):
    def build(device, steps, batch=2, asked=None, **given):
        model = classifier_free_guidance.Unet(**SMALL, num_classes=4)
        times = {"timesteps": 20, "sampling_timesteps": steps} if spaced else {"timesteps": steps}
        made = classifier_free_guidance.GaussianDiffusion(model, image_size=8, **times, **given).to(device).eval()
        classes = torch.arange(batch, device=device) % 4
        return model.init_conv, lambda: made.sample(classes, **(asked or {}))

    return build


class Classifier(nn.Module):
    """Images (B, 3, 8, 8) and steps (B): scores of 4 classes."""

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.Linear(192, 4)

    def forward(self, x, t):
        return self.all(x.flatten(1)) + t[:, None] / 1000


def classified(*, spaced):
    def build(device, steps, batch=2, asked=None, guided=True, **given):
        model, classifier = guided_diffusion.Unet(dim=8, dim_mults=(1, 2)), Classifier().to(device)
        times = {"timesteps": 20, "sampling_timesteps": steps} if spaced else {"timesteps": steps}
        made = guided_diffusion.GaussianDiffusion(model, image_size=8, **times, **given).to(device).eval()
        y = torch.arange(batch, device=device) % 4

        def towards(x, t, classifier, y, scale):
            with torch.enable_grad():
                x = x.detach().requires_grad_(True)
                chosen = classifier(x, t).log_softmax(-1)[range(len(x)), y]
                return torch.autograd.grad(chosen.sum(), x)[0] * scale

        asked = dict(asked or {})
        if guided:
            asked |= {"cond_fn": towards, "guidance_kwargs": {"classifier": classifier, "y": y, "scale": 1}}
        return model.init_conv, lambda: made.sample(batch_size=batch, **asked)

    return build


def painted(device, steps, batch=2, masked=True, asked=None, **given):
    model = repaint.Unet(**SMALL)
    made = repaint.GaussianDiffusion(model, image_size=8, timesteps=steps, **given).to(device).eval()
    known = {}
    if masked:
        known["gt"] = torch.rand(batch, 3, 8, 8, device=device)
        known["mask"] = (torch.rand(batch, 1, 8, 8, device=device) < 0.5).float()
    asked = {"resample_iter": 1, "resample_jump": 2, **known, **(asked or {})}
    return model.init_conv, lambda: made.sample(batch_size=batch, **asked)


def continuous(kind, **fixed):
    def build(device, steps, batch=2, **given):
        model = Unet(**SMALL, learned_sinusoidal_cond=True)
        made = kind(model, image_size=8, num_sample_steps=steps, **{**fixed, **given}).to(device).eval()
        return model, lambda: made.sample(batch_size=batch)

    return build


def elucidated(way):
    def build(device, steps, batch=2, conditioned=False, asked=None, **given):
        model = Unet(**SMALL, learned_sinusoidal_cond=True, self_condition=conditioned)
        made = ElucidatedDiffusion(model, image_size=8, num_sample_steps=steps, **given).to(device).eval()
        return model, lambda: getattr(made, way)(batch_size=batch, **(asked or {}))

    return build


class ByLevel(nn.Module):
    """Images (B, 3, 8, 8) and levels of noise (B): a velocity."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.level = nn.Linear(1, 3)

    def forward(self, x, level):
        return self.image(x) + self.level(level.reshape(-1, 1) / 10)[..., None, None]


def simple(device, steps, batch=2, **given):
    model = ByLevel()
    made = simple_diffusion.GaussianDiffusion(model, image_size=8, num_sample_steps=steps, **given).to(device).eval()
    return model, lambda: made.sample(batch_size=batch)


SETTINGS = {
    "DDPM": images(GaussianDiffusion),
    "DDIM": images(GaussianDiffusion, spaced=True),
    "learned variance": images(LearnedGaussianDiffusion, built={"learned_variance": True}),
    "DDPM, sequences": sequences(spaced=False),
    "DDIM, sequences": sequences(spaced=True),
    "DDPM, guided by classes": labelled(spaced=False),
    "DDIM, guided by classes": labelled(spaced=True),
    "DDPM, guided by a classifier": classified(spaced=False),
    "DDIM, guided by a classifier": classified(spaced=True),
    "repaint": painted,
    "continuous time": continuous(ContinuousTimeGaussianDiffusion),
    "continuous time, v": continuous(VParamContinuousTimeGaussianDiffusion),
    "elucidated": elucidated("sample"),
    "elucidated, DPM++": elucidated("sample_using_dpmpp"),
    "simple diffusion": simple,
}
ALL_TIMES = {"asked": {"return_all_timesteps": True}}
OTHERS = {
    "DDPM": ({"steps": 3, "conditioned": True}, ALL_TIMES, {"objective": "pred_noise", "beta_schedule": "linear"}),
    "DDIM": (
        {"steps": 3, "conditioned": True},
        {"ddim_sampling_eta": 0.5, "objective": "pred_x0"},
        {**ALL_TIMES, "batch": 1, "beta_schedule": "cosine"},
        {"steps": 10, "objective": "pred_noise", "auto_normalize": False},
    ),
    "learned variance": ({"steps": 3}, {"objective": "pred_x0"}, {**ALL_TIMES, "batch": 1}),
    **dict.fromkeys(
        ("DDPM, sequences", "DDIM, sequences"),
        (
            {"steps": 3, "conditioned": True},
            {"asked": {"return_noise": True}},
            {"objective": "pred_v", "batch": 1, "ddim_sampling_eta": 0.5},
        ),
    ),
    **dict.fromkeys(
        ("DDPM, guided by classes", "DDIM, guided by classes"),
        (
            {"steps": 3, "asked": {"cond_scale": 1.0}},
            {"asked": {"rescaled_phi": 0.0}, "batch": 1},
            {"objective": "pred_v", "use_cfg_plus_plus": True},
        ),
    ),
    **dict.fromkeys(
        ("DDPM, guided by a classifier", "DDIM, guided by a classifier"),
        ({"steps": 3}, {"guided": False, **ALL_TIMES}, {"objective": "pred_v", "batch": 1, "ddim_sampling_eta": 0.5}),
    ),
    "repaint": ({"steps": 4, "masked": False}, ALL_TIMES, {"asked": {"resample": False}, "batch": 1}),
    "continuous time": ({"steps": 3}, {"noise_schedule": "cosine"}, {"clip_sample_denoised": False, "batch": 1}),
    "continuous time, v": ({"steps": 3}, {"clip_sample_denoised": False}, {"batch": 1}),
    "elucidated": ({"steps": 3, "conditioned": True}, {"asked": {"clamp": False}}, {"S_churn": 0, "batch": 1}),
    "elucidated, DPM++": ({"steps": 3}, {"asked": {"num_sample_steps": 8}}, {"sigma_max": 20, "batch": 1}),
    "simple diffusion": ({"steps": 3}, {"pred_objective": "eps"}, {"noise_d": 16}, {"batch": 1}),
}
