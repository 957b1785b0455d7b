"""audio-diffusion-pytorch: its v-samplers, all at once, span by span and inpainting, around small networks."""

from __future__ import annotations

import torch
from audio_diffusion_pytorch.diffusion import ARVSampler, LinearSchedule, VInpainter, VSampler
from torch import nn

STAND_INS = ("a_unet", "torchaudio")


class Network(nn.Module):
    """Sounds (B, C, L), levels (B) or none, and an embedding (B, 5) or none: a velocity."""

    def __init__(self, channels=2, out=2) -> None:
        super().__init__()
        self.sound = nn.Conv1d(channels, out, 3, padding=1)
        self.level = nn.Linear(1, out)
        self.embed = nn.Linear(5, out)

    def forward(self, x, level=None, embedding=None):
        v = self.sound(x)
        v = v if level is None else v + self.level(level[:, None])[..., None]
        return v if embedding is None else v + self.embed(embedding)[..., None]


def plain(device, steps, batch=2, embedded=False, start=1.0, dtype=torch.float32):
    net = Network().to(device, dtype)
    sampler = VSampler(net, LinearSchedule(start=start)).to(device)
    x = torch.randn(batch, 2, 16, device=device, dtype=dtype)
    more = {"embedding": torch.randn(batch, 5, device=device, dtype=dtype)} if embedded else {}
    return net, lambda: sampler(x, num_steps=steps, **more)


def spans(device, steps, batch=2, chunks=6, splits=4, embedded=False):
    net = Network(3).to(device)
    sampler = ARVSampler(net, in_channels=2, length=16, num_splits=splits).to(device)
    more = {"embedding": torch.randn(batch, 5, device=device)} if embedded else {}
    return net, lambda: sampler(num_items=batch, num_chunks=chunks, num_steps=steps, **more)


def inpainted(device, steps, batch=2, resamples=2, embedded=False, started=False):
    net = Network().to(device)
    inpainter = VInpainter(net).to(device)
    source = torch.randn(batch, 2, 16, device=device)
    mask = torch.rand(batch, 2, 16, device=device) < 0.5
    more = {"embedding": torch.randn(batch, 5, device=device)} if embedded else {}
    more |= {"x_noisy": torch.randn(batch, 2, 16, device=device)} if started else {}
    return net, lambda: inpainter(source, mask, num_steps=steps, num_resamples=resamples, **more)


SETTINGS = {"at once": plain, "span by span": spans, "inpainting": inpainted}
OTHERS = {
    "at once": ({"steps": 3}, {"embedded": True, "batch": 1}, {"start": 0.5}),
    "span by span": ({"steps": 8}, {"chunks": 4, "embedded": True}, {"splits": 2, "chunks": 3, "batch": 1}),
    "inpainting": ({"steps": 3, "resamples": 1}, {"embedded": True}, {"started": True, "resamples": 3, "batch": 1}),
}
