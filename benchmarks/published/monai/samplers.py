"""monai: its inferers, which loop over its schedulers, around small networks."""

from __future__ import annotations

import torch
from monai.inferers import ControlNetDiffusionInferer, DiffusionInferer, LatentDiffusionInferer
from monai.networks.nets import AutoencoderKL, ControlNet, DiffusionModelUNet, SPADEDiffusionModelUNet
from monai.networks.schedulers import DDIMScheduler, DDPMScheduler, PNDMScheduler, RFlowScheduler
from torch import nn

STAND_INS = ("torchvision",)
SIZES = {
    "spatial_dims": 2,
    "in_channels": 1,
    "num_res_blocks": 1,
    "channels": (8, 8),
    "attention_levels": (False, True),
    "norm_num_groups": 4,
    "num_head_channels": 4,
}


class Network(nn.Module):
    """Called as the inferers call a U-Net; twice the channels where the variance is learned."""

    def __init__(self, given=1, returned=1) -> None:
        super().__init__()
        self.image = nn.Conv2d(given, returned, 3, padding=1)
        self.time = nn.Linear(1, returned)
        self.context = nn.Linear(4, returned)

    def forward(self, x, timesteps, context=None):
        shift = self.time(timesteps.reshape(-1, 1) / 1000)
        if context is not None:
            shift = shift + self.context(context).mean(1)
        return self.image(x) + shift[..., None, None]


def setting(kind, *, context=False, mode="crossattn", channels=(1, 1), likelihood=False, **fixed):
    def build(device, steps, batch=2, call=None, size=8, **given):
        scheduler = kind(num_train_timesteps=1000, **{**fixed, **given})
        net = Network(*channels).to(device)
        options = {"verbose": False, **(call or {})}
        if mode == "concat":
            options |= {"conditioning": torch.rand(batch, 1, size, size, device=device), "mode": mode}
        elif context:
            options["conditioning"] = torch.randn(batch, 3, 4, device=device)
        if kind is RFlowScheduler:
            scheduler.set_timesteps(steps, input_img_size_numel=size**2)
        else:
            scheduler.set_timesteps(num_inference_steps=steps)
        inferer = DiffusionInferer(scheduler)
        noise = torch.randn(batch, 1, size, size).to(device)
        if likelihood:
            options.pop("cfg", None)
            return net, lambda: inferer.get_likelihood(noise.clamp(-1, 1), net, scheduler, **options)
        return net, lambda: inferer.sample(input_noise=noise, diffusion_model=net, scheduler=scheduler, **options)

    return build


def unet(kind, **fixed):
    def build(device, steps, batch=2, call=None, **given):
        net = DiffusionModelUNet(out_channels=1, **SIZES).to(device).eval()
        scheduler = kind(num_train_timesteps=1000, **{**fixed, **given})
        scheduler.set_timesteps(steps)
        noise = torch.randn(batch, 1, 8, 8).to(device)
        inferer = DiffusionInferer(scheduler)
        return net, lambda: inferer.sample(noise, net, scheduler, verbose=False, **(call or {}))

    return build


def control(kind):
    def build(device, steps, batch=1, call=None, **given):
        net = DiffusionModelUNet(out_channels=1, **SIZES).to(device).eval()
        controlnet = ControlNet(conditioning_embedding_num_channels=(4,), **SIZES).to(device).eval()
        scheduler = kind(num_train_timesteps=1000, **given)
        scheduler.set_timesteps(steps)
        noise = torch.randn(batch, 1, 8, 8).to(device)
        mask = torch.ones(batch, 1, 8, 8).to(device)
        inferer = ControlNetDiffusionInferer(scheduler)
        return net, lambda: inferer.sample(noise, net, controlnet, mask, scheduler, verbose=False, **(call or {}))

    return build


def latent(kind, *, spade=False):
    def build(device, steps, batch=1, call=None, **given):
        sizes = {**SIZES, "in_channels": 3}
        if spade:
            net = SPADEDiffusionModelUNet(out_channels=3, label_nc=3, spade_intermediate_channels=4, **sizes)
        else:
            net = DiffusionModelUNet(out_channels=3, **sizes)
        net = net.to(device).eval()
        coder = AutoencoderKL(
            spatial_dims=2,
            in_channels=1,
            out_channels=1,
            channels=(4, 4),
            attention_levels=(False, False),
            latent_channels=3,
            num_res_blocks=1,
            norm_num_groups=4,
        )
        coder = coder.to(device).eval()
        scheduler = kind(num_train_timesteps=1000, schedule="scaled_linear_beta", **given)
        scheduler.set_timesteps(steps)
        noise = torch.randn(batch, 3, 8, 8).to(device)
        options = {"verbose": False, **(call or {})}
        if spade:
            options["seg"] = torch.rand(batch, 3, 16, 16).to(device)
        inferer = LatentDiffusionInferer(scheduler, scale_factor=0.5)
        return net, lambda: inferer.sample(noise, coder, net, scheduler, **options)

    return build


SETTINGS = {
    "DDPM": setting(DDPMScheduler),
    "DDPM, large variance": setting(DDPMScheduler, variance_type="fixed_large", prediction_type="sample"),
    "DDPM, learned range": setting(DDPMScheduler, variance_type="learned_range", channels=(1, 2)),
    "DDPM, guidance": setting(DDPMScheduler, context=True, prediction_type="v_prediction"),
    "DDPM, likelihood": setting(DDPMScheduler, likelihood=True),
    "DDIM": setting(DDIMScheduler),
    "DDIM, concatenated": setting(DDIMScheduler, mode="concat", channels=(2, 1), prediction_type="v_prediction"),
    "PNDM": setting(PNDMScheduler),
    "PNDM, PLMS alone": setting(PNDMScheduler, skip_prk_steps=True),
    "rectified flow": setting(RFlowScheduler),
    "rectified flow, transformed": setting(
        RFlowScheduler,
        use_timestep_transform=True,
        use_discrete_timesteps=False,
        base_img_size_numel=256,
        spatial_dim=2,
    ),
    "U-Net": unet(DDIMScheduler, clip_sample=False),
    "ControlNet": control(DDPMScheduler),
    "latent": latent(DDIMScheduler),
    "latent, SPADE": latent(DDPMScheduler, spade=True),
}
KEPT = {"call": {"save_intermediates": True, "intermediate_steps": 2}}
OTHERS = {name: ({"steps": 3, "batch": 1}, {"batch": 3, "steps": 7}, KEPT) for name in SETTINGS}
OTHERS["DDPM"] += ({"clip_sample": False, "schedule": "cosine"}, {"call": {"cfg": 2.0}})
OTHERS["DDPM, guidance"] += (
    {"call": {"cfg": 2.0}},
    {"call": {"cfg": 3.0, "cfg_fill_value": 0.0}, "clip_sample": False},
)
OTHERS["DDPM, likelihood"] = ({"steps": 3}, {"clip_sample": False}, {"call": {"save_intermediates": True}})
OTHERS["DDIM"] += ({"clip_sample": False, "set_alpha_to_one": False}, {"schedule": "sigmoid_beta", "steps_offset": 1})
OTHERS["PNDM"] = ({"steps": 8}, {"batch": 1, "prediction_type": "v_prediction"}, {"set_alpha_to_one": True}, KEPT)
OTHERS["PNDM, PLMS alone"] += ({"prediction_type": "v_prediction", "steps_offset": 1},)
OTHERS["rectified flow"] += ({"use_discrete_timesteps": False}, {"steps_offset": 1})
OTHERS["ControlNet"] += ({"schedule": "cosine", "clip_sample": False},)
