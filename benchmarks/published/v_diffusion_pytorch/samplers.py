"""v-diffusion-pytorch: its samplers, forwards and reversed, around a small network."""

from __future__ import annotations

import torch
from diffusion import sampling, utils
from torch import nn

STAND_INS = ("torchvision", "requests")


class Network(nn.Module):
    """Images (B, 3, 8, 8), times (B), and classes (B) or none: a velocity."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)
        self.kind = nn.Embedding(4, 3)

    def forward(self, x, t, kinds=None):
        v = self.image(x) + self.time(t.reshape(-1, 1))[..., None, None]
        return v if kinds is None else v + self.kind(kinds)[..., None, None]


def setting(kind, *args, guided=False):
    def build(device, steps, batch=2, schedule="spliced", classes=False, eta=None, **given):
        net = Network().to(device).eval()
        x = torch.randn(batch, 3, 8, 8, device=device)
        t = torch.linspace(1, 0, steps + 1, device=device)[:-1]
        spaced = {
            "spliced": utils.get_spliced_ddpm_cosine_schedule,
            "log": utils.get_log_schedule,
            "plain": lambda t: t,
        }
        times = spaced[schedule](t)
        extra = {"kinds": torch.arange(batch, device=device) % 4} if classes else {}
        between = args if eta is None else (eta,)
        asked = [*between, extra, *([lambda x, t, pred, **_: -x] if guided else [])]
        return net, lambda: kind(net, x, times, *asked, **given)

    return build


SETTINGS = {
    "DDPM": setting(sampling.sample, 1.0),
    "DDIM": setting(sampling.sample, 0.0),
    "guided": setting(sampling.cond_sample, 1.0, guided=True),
    "reversed": setting(sampling.reverse_sample),
    "PRK": setting(sampling.prk_sample),
    "PLMS": setting(sampling.plms_sample),
    "PIE": setting(sampling.pie_sample),
    "PLMS2": setting(sampling.plms2_sample),
    "iPLMS": setting(sampling.iplms_sample),
}
OTHERS = {
    name: (
        {"steps": 7, "schedule": "plain"},
        {"classes": True, "batch": 1},
        {"schedule": "log"},
        {"eta": 0.5} if name in ("DDPM", "DDIM", "guided") else {"classes": True, "steps": 4},
    )
    for name in SETTINGS
}
