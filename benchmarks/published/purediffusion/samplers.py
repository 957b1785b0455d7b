"""purediffusion: its DDPM, DDIM and cold diffusion pipelines around small networks."""

from __future__ import annotations

import torch
from purediffusion.cold import Coldpipline, FastColdpipline
from purediffusion.gaussian import DDIMpipline, DDPMpipline
from torch import nn


class Network(nn.Module):
    """Rows (B, N) and times (B or 1): rows."""

    def __init__(self, size) -> None:
        super().__init__()
        self.row = nn.Linear(size, size)
        self.time = nn.Linear(1, size)

    def forward(self, x, timesteps):
        return self.row(x) + self.time(timesteps.float()[:, None] / 1000)


def setting(kind, **fixed):
    def build(device, steps, batch=4, size=10, beta_schedule="cosine", **given):
        net = Network(size).to(device)
        options = {**fixed, **given}
        setup = {name: options.pop(name) for name in ("ddim_eta", "ddim_discretize") if name in options}
        if kind is DDIMpipline:
            made = DDPMpipline(1000, device=device, beta_schedule=beta_schedule)
            made = DDIMpipline(made, ddim_num_steps=steps, **setup)
            return net, lambda: made.ddim_reverse(net, batch, [size], **options)
        made = (DDPMpipline if kind is DDPMpipline else Coldpipline)(
            steps + 1, device=device, beta_schedule=beta_schedule
        )
        if kind is DDPMpipline:
            return net, lambda: made.ddpm_reverse(net, batch, [size], **options)
        if kind is FastColdpipline:
            made = FastColdpipline(made, ddim_num_steps=steps + 1)
        start = torch.randn(batch, size)
        return net, lambda: made.cold_reverse(net, start.to(device), **options)

    return build


SETTINGS = {
    "DDPM": setting(DDPMpipline),
    "DDIM": setting(DDIMpipline),
    "DDIM, eta": setting(DDIMpipline, ddim_eta=0.5),
    "cold": setting(Coldpipline),
    "cold, fast": setting(FastColdpipline),
}
OTHERS = {
    name: ({"steps": 4, "batch": 2}, {"only_last_sample": False}, {"beta_schedule": "linear", "size": 3})
    for name in SETTINGS
}
OTHERS["DDPM"] += ({"stochastic": False, "beta_schedule": "quad"},)
OTHERS["DDIM"] += ({"ddim_discretize": "quad"},)
OTHERS["DDIM, eta"] += ({"ddim_eta": 1.0, "beta_schedule": "sigmoid"},)
