"""video-diffusion-pytorch: its sampling of videos around its own small network."""

from __future__ import annotations

import torch
import torchvision.transforms  # noqa: F401 - a stand-in
from video_diffusion_pytorch import GaussianDiffusion, Unet3D

STAND_INS = ("torchvision",)


def setting(**fixed):
    def build(device, steps, batch=2, conditioned=False, frames=3, asked=None, **given):
        own = {"cond_dim": 6} if conditioned else {}
        net = Unet3D(dim=8, dim_mults=(1, 2), attn_heads=2, attn_dim_head=8, **own)
        diffusion = GaussianDiffusion(net, image_size=8, num_frames=frames, timesteps=steps, **{**fixed, **given})
        diffusion.to(device).eval()
        more = {"cond": torch.randn(batch, 6, device=device)} if conditioned else {"batch_size": batch}
        return net.init_conv, lambda: diffusion.sample(**more, **(asked or {}))

    return build


SETTINGS = {"DDPM": setting(), "DDPM, dynamic threshold": setting(use_dynamic_thres=True)}
OTHERS = {
    name: (
        {"steps": 3, "batch": 1},
        {"conditioned": True},
        {"conditioned": True, "asked": {"cond_scale": 2.0}},
        {"frames": 2, "dynamic_thres_percentile": 0.5},
    )
    for name in SETTINGS
}
