"""mediffusion: its solvers, as its module's prediction calls them, around a small network."""

from __future__ import annotations

import torch
from mediffusion.diffusion.base import GaussianDiffusionBase, LossType, ModelMeanType, ModelVarType
from mediffusion.diffusion.solvers import DDIMSolver, DDPMSolver, InverseDDIMSolver, PLMSSolver
from mediffusion.utils.diffusion import get_named_beta_schedule, get_respaced_betas
from torch import nn

STAND_INS = ("bkh_pytorch_utils", "torchextractor", "pytorch_lightning", "monai", "wandb", "torchvision")


class Network(nn.Module):
    """Images, times and a class's embedding or none: images, twice the channels where a variance is learned."""

    def __init__(self, returned) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, returned, 3, padding=1)
        self.time = nn.Linear(1, returned)
        self.label = nn.Linear(4, returned)

    def forward(self, x, t, cls=None):
        shift = self.time(t.to(x.dtype)[:, None] / 1000)
        if cls is not None:
            shift = shift + self.label(cls)
        return self.image(x) + shift[..., None, None]

    def forward_with_cond_scale(self, x, t, cond_scale, cls=None):
        shown = self(x, t, cls)
        if cls is None or cond_scale == 0:
            return shown
        other = self(x, t)
        return other + (shown - other) * cond_scale


def setting(solver, mean="EPSILON", variance="FIXED_SMALL"):
    def build(
        device,
        steps,
        batch=2,
        schedule="linear",
        mean=mean,
        variance=variance,
        eta=0.0,
        label=False,
        masked=False,
        guided=False,
        dtype=torch.float32,
        rescale_timesteps=False,
        **given,
    ):
        net = Network(6 if variance.startswith("LEARNED") else 3).to(device, dtype).eval()
        betas = get_named_beta_schedule(schedule, 1000)
        diffusion = GaussianDiffusionBase(
            betas=get_respaced_betas(betas, str(steps))[0] if solver is DDPMSolver else betas,
            model_mean_type=ModelMeanType[mean],
            model_var_type=ModelVarType[variance],
            loss_type=LossType.MSE,
            rescale_timesteps=rescale_timesteps,
        ).to(device)
        if solver is DDPMSolver:
            made = solver(diffusion)
        elif solver is PLMSSolver:
            made = solver(diffusion, num_steps=steps + 3)
        else:
            made = solver(diffusion, num_steps=steps, eta=eta)
        options = {"cond_scale": 2.0, "model_kwargs": {}, **given}
        if label:
            options["model_kwargs"] = {"cls": torch.randn(batch, 4).to(device, dtype)}
        if guided:
            options["cond_fn"] = lambda x, t, **_: x * 0.1
        if masked:
            options["mask"] = (torch.rand(batch, 3, 8, 8) > 0.5).to(device, dtype)
            options["original_image"] = torch.randn(batch, 3, 8, 8).to(device, dtype)
        noise = torch.randn(batch, 3, 8, 8)
        return net, lambda: made.sample(net, noise.to(device, dtype), **options)

    return build


SETTINGS = {
    "DDPM": setting(DDPMSolver),
    "DDPM, learned range": setting(DDPMSolver, variance="LEARNED_RANGE"),
    "DDPM, v": setting(DDPMSolver, "VELOCITY", "FIXED_LARGE"),
    "DDIM": setting(DDIMSolver),
    "inverse DDIM": setting(InverseDDIMSolver),
    "PLMS": setting(PLMSSolver),
}
COMMON = (
    {"steps": 4, "batch": 1, "schedule": "cosine"},
    {"label": True, "dtype": torch.float64},
    {"masked": True, "clip_denoised": False},
    {"mean": "START_X", "rescale_timesteps": True},
)
OTHERS = dict.fromkeys(SETTINGS, COMMON)
OTHERS["inverse DDIM"] = tuple(each for each in COMMON if "masked" not in each)
OTHERS["DDPM"] += ({"guided": True, "variance": "LEARNED"},)
OTHERS["DDIM"] += ({"guided": True, "eta": 0.5},)
