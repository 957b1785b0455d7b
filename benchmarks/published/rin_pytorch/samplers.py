"""rin-pytorch: DDPM and DDIM with latents carried from step to step, around its small network."""

from __future__ import annotations

from rin_pytorch import RIN, GaussianDiffusion

STAND_INS = ("torchvision", "accelerate")


def setting(**fixed):
    def build(device, steps, batch=2, size=8, **given):
        net = RIN(
            dim=8,
            image_size=size,
            patch_size=4,
            depth=1,
            latent_self_attn_depth=1,
            dim_latent=8,
            num_latents=4,
            heads=2,
            dim_head=4,
        )
        model = GaussianDiffusion(net, timesteps=steps, **{**fixed, **given}).to(device)
        return net, lambda: model.sample(batch_size=batch)

    return build


SETTINGS = {
    "DDIM": setting(use_ddim=True),
    "DDPM": setting(use_ddim=False),
    "DDIM, scaled": setting(use_ddim=True, scale=0.5),
    "DDPM, time difference": setting(use_ddim=False, time_difference=0.1),
}
OTHERS = dict.fromkeys(
    SETTINGS,
    (
        {"steps": 3, "batch": 1},
        {"noise_schedule": "linear", "objective": "eps"},
        {"objective": "x0", "size": 16},
        {"time_difference": 0.2, "scale": 0.8},
    ),
)
