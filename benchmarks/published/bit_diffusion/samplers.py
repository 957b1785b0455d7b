"""bit-diffusion: DDPM and DDIM on bits, around its small U-Net."""

from __future__ import annotations

from bit_diffusion import BitDiffusion, Unet

STAND_INS = ("torchvision", "accelerate")


def setting(**fixed):
    def build(device, steps, batch=2, size=8, **given):
        net = Unet(dim=8, dim_mults=(1, 2), channels=3)
        model = BitDiffusion(net, image_size=size, timesteps=steps, **{**fixed, **given}).to(device)
        return net, lambda: model.sample(batch_size=batch)

    return build


SETTINGS = {
    "DDPM": setting(use_ddim=False),
    "DDIM": setting(use_ddim=True),
    "DDPM, time difference": setting(use_ddim=False, time_difference=0.1),
}
OTHERS = dict.fromkeys(
    SETTINGS,
    ({"steps": 3, "batch": 1}, {"noise_schedule": "linear", "size": 4}, {"time_difference": 0.2, "bit_scale": 0.5}),
)
