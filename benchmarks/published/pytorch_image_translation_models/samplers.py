"""pytorch-image-translation-models: its pipelines of diffusion bridges around small networks."""

from __future__ import annotations

from types import SimpleNamespace

import torch
from src.pipelines.bbdm import BBDMPipeline
from src.pipelines.bdbm import BDBMPipeline
from src.pipelines.bibbdm import BiBBDMPipeline
from src.pipelines.cdtsde import CDTSDEPipeline
from src.pipelines.dbim import DBIMPipeline
from src.pipelines.ddbm import DDBMPipeline
from src.pipelines.ddib import DDIBPipeline
from src.pipelines.i2sb import I2SBPipeline
from src.pipelines.lbm import LBMPipeline
from src.pipelines.local_diffusion import LocalDiffusionPipeline
from src.pipelines.unsb import UNSBPipeline
from src.schedulers import (
    BBDMScheduler,
    BDBMScheduler,
    BiBBDMScheduler,
    CDTSDEScheduler,
    DBIMScheduler,
    DDBMScheduler,
    DDIBScheduler,
    I2SBScheduler,
    LBMScheduler,
    LocalDiffusionScheduler,
    UNSBScheduler,
)
from torch import nn

STAND_INS = ("torchvision", "transformers", "peft", "cv2", "torchmetrics", "lpips", "timm", "nflows")


class Network(nn.Module):
    """Images (B, 3, 8, 8), times (B) and whatever a pipeline conditions on: images."""

    condition_mode, ngf = "concat", 2
    config = SimpleNamespace()

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.other = nn.Conv2d(3, 3, 1)
        self.time = nn.Linear(1, 3)

    @property
    def dtype(self):
        return self.image.weight.dtype

    @property
    def device(self):
        return self.image.weight.device

    def forward(self, x, t, context=None, xT=None, cond=None):  # noqa: N803 - their name
        shown = self.image(x) + self.time(t.to(x.dtype)[:, None] / 1000)[..., None, None]
        others = [each for each in (context, xT, cond) if each is not None and each.ndim == 4]
        return shown + sum(self.other(each) for each in others)


class Local(Network):
    """The condition is in front of the time."""

    def forward(self, x, cond, t):
        return super().forward(x, t, cond=cond)


def setting(pipeline, scheduler, count="num_inference_steps", network=Network, **fixed):
    def build(device, steps, batch=1 if count == "ddim_steps" else 2, call=None, dtype=torch.float32, **given):
        net = network().to(device, dtype)
        made = scheduler(**{**fixed, **given})
        pipe = pipeline(network().to(device, dtype), net, made) if pipeline is DDIBPipeline else pipeline(net, made)
        options = {
            "output_type": "pt",
            count: steps,
            **({"use_ddim": True} if count == "ddim_steps" else {}),
            **(call or {}),
        }
        if "anomaly_mask" in options:
            options["anomaly_mask"] = torch.ones(batch, 1, 8, 8, device=device)
        return net, lambda: pipe(torch.rand(batch, 3, 8, 8, device=device) * 2 - 1, **options).images

    return build


def refinement(device, steps, batch=2, **given):
    net = Network().to(device)
    pipe = UNSBPipeline(net, UNSBScheduler(num_timesteps=steps, **given))
    return net, lambda: pipe(torch.rand(batch, 3, 8, 8, device=device) * 2 - 1, output_type="pt").images


SETTINGS = {
    "BBDM": setting(BBDMPipeline, BBDMScheduler),
    "BDBM": setting(BDBMPipeline, BDBMScheduler),
    "BiBBDM": setting(BiBBDMPipeline, BiBBDMScheduler, objective="bsuba"),
    "CDTSDE": setting(CDTSDEPipeline, CDTSDEScheduler),
    "DBIM": setting(DBIMPipeline, DBIMScheduler),
    "DBIM, first order": setting(DBIMPipeline, DBIMScheduler, order=1, eta=0.5),
    "DDBM": setting(DDBMPipeline, DDBMScheduler, sigma_max=1.0),
    "DDIB": setting(DDIBPipeline, DDIBScheduler),
    "I2SB": setting(I2SBPipeline, I2SBScheduler, "nfe"),
    "LBM": setting(LBMPipeline, LBMScheduler),
    "local diffusion": setting(LocalDiffusionPipeline, LocalDiffusionScheduler, network=Local),
    "local DDIM": setting(LocalDiffusionPipeline, LocalDiffusionScheduler, "ddim_steps", Local, num_train_timesteps=50),
    "UNSB": refinement,
}
SHORT = {"steps": 3, "batch": 1}
OTHERS = {
    "BBDM": (SHORT, {"call": {"clip_denoised": True}, "objective": "noise"}, {"mt_type": "sin", "eta": 0.5}),
    "BDBM": (SHORT, {"call": {"direction": "a2b", "clip_denoised": True}}, {"sample_step_type": "cosine"}),
    "BiBBDM": ({"steps": 4, "batch": 1}, {"call": {"direction": "a2b", "clip_denoised": True}}, {"eta": 0.0}),
    "CDTSDE": (SHORT, {"call": {"stochastic": False}}, {"call": {"apply_domain_shift": False}, "dtype": torch.float64}),
    "DBIM": (SHORT, {"pred_mode": "ve"}, {"order": 3, "lower_order_final": False}),
    "DBIM, first order": (SHORT, {"eta": 0.0}, {"beta_d": 1.0}),
    "DDBM": (SHORT, {"pred_mode": "ve"}, {"call": {"guidance": 0.5}}),
    "DDIB": (
        SHORT,
        {"call": {"eta": 0.5, "clip_denoised": False}},
        {"predict_xstart": True, "noise_schedule": "cosine"},
    ),
    "I2SB": (SHORT, {"call": {"ot_ode": True}}, {"interval": 100, "beta_max": 0.1}),
    "LBM": (SHORT, {"call": {"cfg_scale": 2.0}}, {"bridge_noise_sigma": 0.1}),
    "local diffusion": (
        SHORT,
        {"objective": "pred_noise", "beta_schedule": "cosine"},
        {"objective": "pred_v", "call": {"branch_out": True, "anomaly_mask": True}},
    ),
    "local DDIM": (
        {"steps": 3},
        {"ddim_sampling_eta": 0.5, "objective": "pred_noise"},
        {"call": {"branch_out": True, "anomaly_mask": True}},
    ),
    "UNSB": (SHORT, {"tau": 0.1}),
}
