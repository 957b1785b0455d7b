"""scdiffusionx: its spaced diffusion of two modalities at once, and DPM-Solvers of both kinds."""

from __future__ import annotations

import torch
from scdiffusionX.DiffusionBackbone.dpm_solver_plus import DPM_Solver
from scdiffusionX.DiffusionBackbone.multimodal_dpm_solver_plus import DPM_Solver as MultimodalSolver
from scdiffusionX.DiffusionBackbone.multimodal_script_util import create_gaussian_diffusion
from torch import nn

STAND_INS = ("mpi4py", "blobfile", "scanpy", "matplotlib", "sklearn", "muon", "anndata", "cell2location")
SHAPES = {"video": (1, 8), "audio": (1, 6)}


class Both(nn.Module):
    """Two modalities (B, 1, 8) and (B, 1, 6), steps (B), and a label (B) or none: noises of both."""

    video_out_channels, audio_out_channels = 8, 6

    def __init__(self, wide=1) -> None:
        super().__init__()
        self.both = nn.Linear(15, 14 * wide)
        self.label = nn.Embedding(3, 14 * wide)
        self.wide = wide

    def forward(self, video, audio, t, label=None):
        y = self.both(torch.cat([video.flatten(1), audio.flatten(1), t[:, None].float() / 1000], 1))
        y = y if label is None else y + self.label(label)
        parts = y.split([8 * self.wide, 6 * self.wide], 1)
        return tuple(each.reshape(len(t), self.wide, -1) for each in parts)


class One(nn.Module):
    """Images (B, 3, 8, 8) and steps (B): a noise."""

    out_channels = 3

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)

    def forward(self, x, t, **_):
        return self.image(x) + self.time(t.float().reshape(-1, 1) / 1000)[..., None, None]


def shapes(batch):
    return {name: (batch, *shape) for name, shape in SHAPES.items()}


def loop(kind, **fixed):
    def build(device, steps, batch=2, labelled=False, asked=None, spaced="", **given):
        model = Both(2 if given.get("learn_sigma") else 1).to(device)
        longer = {"steps": 20, "timestep_respacing": f"{spaced}{steps}"}
        diffusion = create_gaussian_diffusion(**longer, **{"noise_schedule": "cosine", **given})
        label = {"label": torch.arange(batch, device=device) % 3} if labelled else {}
        asked = {"model_kwargs": label, "device": device, "progress": False, **fixed, **(asked or {})}
        return model, lambda: getattr(diffusion, kind)(model, shapes(batch), **asked)

    return build


def translated(device, steps, batch=2, given_one="audio", clip_denoised=True, labelled=False):
    model = Both().to(device)
    longer = {"steps": 20, "timestep_respacing": str(steps), "noise_schedule": "cosine"}
    diffusion = create_gaussian_diffusion(**longer)
    known = torch.randn(batch, *SHAPES[given_one], device=device)
    label = {"label": torch.arange(batch, device=device) % 3} if labelled else {}

    def run():
        return diffusion.conditional_p_sample_loop(
            model,
            shapes(batch),
            False,
            model_kwargs={given_one: known, **label},
            device=device,
            progress=False,
            clip_denoised=clip_denoised,
        )

    return model, run


def generated(device, steps, batch=2, mode="atac", **given):
    model = Both().to(device)
    longer = {"steps": 20, "timestep_respacing": f"ddim{steps}", "noise_schedule": "linear"}
    diffusion = create_gaussian_diffusion(**longer)
    known = torch.randn(batch, 8 if mode == "atac" else 6, device=device)

    def run():
        return diffusion.ddim_sample_loop(
            model, shapes(batch), noise=known, device=device, progress=False, gen_mode=mode, **given
        )

    return model, run


def both_solved(**fixed):
    def build(device, steps, batch=2, labelled=False, plus=True, **given):
        model = Both().to(device)
        label = {"label": torch.arange(batch, device=device) % 3} if labelled else {}
        cumulated = torch.linspace(0.9999, 0.9, 100, device=device).cumprod(0)
        solver = MultimodalSolver(model, alphas_cumprod=cumulated, predict_x0=plus, model_kwargs=label)
        x = {name: torch.randn(batch, *shape, device=device) for name, shape in SHAPES.items()}
        return model, lambda: solver.sample(dict(x), steps=steps, **{**fixed, **given})

    return build


def one_solved(**fixed):
    def build(device, steps, batch=2, plus=True, **given):
        model = One().to(device)
        cumulated = torch.linspace(0.9999, 0.9, 100, device=device).cumprod(0)
        solver = DPM_Solver(model, alphas_cumprod=cumulated, predict_x0=plus)
        x = torch.randn(batch, 3, 8, 8, device=device)
        return model, lambda: solver.sample(x, steps=steps, **{**fixed, **given})

    return build


SETTINGS = {
    "DDPM of both": loop("p_sample_loop"),
    "DDIM of both": loop("ddim_sample_loop"),
    "one from the other": translated,
    "one from the other, DDIM": generated,
    "DPM-Solver of both, singlestep": both_solved(),
    "DPM-Solver of both, multistep": both_solved(method="multistep", order=2),
    "DPM-Solver, singlestep": one_solved(),
    "DPM-Solver, multistep": one_solved(method="multistep", order=3),
    "DPM-Solver, fixed": one_solved(method="singlestep_fixed", order=2, skip_type="logSNR"),
}
OTHERS = {
    **dict.fromkeys(
        ("DDPM of both", "DDIM of both"),
        (
            {"steps": 3, "labelled": True},
            {"learn_sigma": True, "asked": {"clip_denoised": False}},
            {"predict_xstart": True, "sigma_small": True, "batch": 1},
            {"spaced": "ddim", "rescale_timesteps": True, "asked": {"denoised_fn": torch.tanh}},
        ),
    ),
    "one from the other": (
        {"steps": 3},
        {"given_one": "video"},
        {"clip_denoised": False, "labelled": True, "batch": 1},
    ),
    "one from the other, DDIM": ({"mode": "rna"}, {"batch": 1, "clip_denoised": False}, {"eta": 0.5}),
    **dict.fromkeys(
        ("DPM-Solver of both, singlestep", "DPM-Solver of both, multistep"),
        (
            {"steps": 6, "skip_type": "time_quadratic"},
            {"labelled": True, "batch": 3},
            {"order": 1, "skip_type": "logSNR"},
        ),
    ),
    **dict.fromkeys(
        ("DPM-Solver, singlestep", "DPM-Solver, multistep", "DPM-Solver, fixed"),
        (
            {"steps": 6, "skip_type": "time_quadratic"},
            {"plus": False, "batch": 1},
            {"order": 1, "denoise": True},
            {"solver_type": "taylor", "skip_type": "logSNR"},
        ),
    ),
}
