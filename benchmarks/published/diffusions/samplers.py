"""diffusions: its DDPM and DDIM pipelines around a small U-Net."""

from __future__ import annotations

from diffusions.pipelines import DDIMPipeline, DDPMPipeline
from diffusions.schedulers import DDIM, DDPM
from torch import nn

STAND_INS = ("jax", "flax")


class Network(nn.Module):
    """Called as the pipelines call a U-Net: an image and one time."""

    in_channels, sample_size = 3, 8

    def __init__(self, returned=3) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, returned, 3, padding=1)

    def forward(self, x, t):
        return {"sample": self.image(x) * (1 + int(t) / 1000)}


def setting(pipeline, scheduler, channels=3, **fixed):
    def build(device, steps, batch=1, keep=False, **given):
        net = Network(channels).to(device)
        options = {**fixed, **given}
        call = {name: options.pop(name) for name in ("eta", "p", "return_type") if name in options}
        length = {"num_train_timesteps": steps} if scheduler is DDPM else {}
        made = pipeline(net, scheduler(**length, **options))

        def run():
            kept = []
            sample = made(batch_size=batch, device=device, timesteps=steps, out=kept if keep else None, **call)[
                "sample"
            ]
            return [sample, *kept]

        return net, run

    return build


SETTINGS = {
    "DDPM": setting(DDPMPipeline, DDPM),
    "DDPM, learned range": setting(DDPMPipeline, DDPM, 6, variance_type="learned_range"),
    "DDPM, dynamic threshold": setting(DDPMPipeline, DDPM, dynamic_threshold=True),
    "DDIM": setting(DDIMPipeline, DDIM),
    "DDIM, eta": setting(DDIMPipeline, DDIM, eta=0.5),
}
COMMON = ({"steps": 3, "batch": 2}, {"keep": True}, {"scheduler_type": "cosine", "clip_sample": False})
OTHERS = dict.fromkeys(SETTINGS, COMMON)
OTHERS["DDPM, dynamic threshold"] = ({"steps": 3}, {"keep": True, "p": 80.0}, {"dynamic_threshold": False, "batch": 2})
OTHERS["DDPM"] += ({"variance_type": "fixed_large"},)
OTHERS["DDIM"] += ({"dynamic_threshold": True, "p": 90.0}, {"alpha_to_one": False})
