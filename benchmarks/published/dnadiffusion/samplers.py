"""dnadiffusion: its guided sampling loop around a small network that also gives a cross map."""

from __future__ import annotations

import torch
from dnadiffusion.sample import sample
from dnadiffusion.utils.scheduler import linear_beta_schedule
from torch import nn
from torch.nn import functional

STAND_INS = ("torchvision", "pytorch_lightning", "matplotlib", "seaborn", "memory_efficient_attention_pytorch")


class Network(nn.Module):
    """Sequences (B, 1, 4, L), times and classes (B): noise and, if asked, a cross map."""

    output_attention = False

    def __init__(self):
        super().__init__()
        self.image, self.label = nn.Conv2d(1, 1, 3, padding=1), nn.Embedding(5, 1)

    def forward(self, x, time, classes):
        seen = self.image(x) + self.label(classes)[..., None, None] + time[:, None, None, None] / 1000
        return (seen, seen.softmax(-1)) if self.output_attention else seen


def build(device, steps, batch=2, size=16, end=0.2, one_class=None, channels=1, **given):
    net = Network().to(device)
    betas = linear_beta_schedule(timesteps=steps, beta_end=end)
    alphas = 1.0 - betas
    cumulative = torch.cumprod(alphas, dim=0)
    before = functional.pad(cumulative[:-1], (1, 0), value=1.0)
    classes = torch.randint(1, 5, (batch,)).float()
    if one_class is not None:
        classes = torch.full_like(classes, one_class)
    variables = {
        "timesteps": steps,
        "device": device,
        "betas": betas,
        "sqrt_recip_alphas": torch.sqrt(1.0 / alphas),
        "sqrt_one_minus_alphas_cumprod": torch.sqrt(1.0 - cumulative),
        "posterior_variance": betas * (1.0 - before) / (1.0 - cumulative),
    }

    def run():
        images = sample(
            net,
            classes=classes.to(device),
            image_size=size,
            batch_size=batch,
            channels=channels,
            **{"cond_weight": 1, **variables, **given},
        )
        parts = images if given.get("get_cross_map") else (images,)
        return [torch.from_numpy(each) for part in parts for each in part]

    return net, run


SETTINGS = {"guided": build}
OTHERS = {
    "guided": (
        {"steps": 3, "get_cross_map": True},
        {"batch": 1, "cond_weight": 0, "one_class": 3},
        {"cond_weight": 2.5, "size": 8, "end": 0.02},
    )
}
