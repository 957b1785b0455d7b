"""flocoder: its RK4 integration of flows with guidance, and all of its sampler with a codec, around small networks."""

from __future__ import annotations

import natten
import torch

natten.__version__ = "0"

from flocoder.sampling import generate_latents, sampler  # noqa: E402
from torch import nn  # noqa: E402

STAND_INS = (
    "vector_quantize_pytorch",
    "torchmetrics",
    "wandb",
    "torchvision",
    "matplotlib",
    "dctorch",
    "natten",
    "lpips",
    "geomloss",
    "ot",
    "hydra",
    "tqdm.notebook",
)


class Network(nn.Module):
    """Latents (B, 4, 8, 8), times (B), and a dict of conditions or none: a velocity."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(4, 4, 3, padding=1)
        self.time = nn.Linear(1, 4)
        self.kind = nn.Embedding(10, 4)

    def forward(self, x, t, cond=None):
        v = self.image(x) + self.time(t.reshape(-1, 1) / 999)[..., None, None]
        kinds = None if cond is None else cond.get("class_cond")
        return v if kinds is None else v + self.kind(kinds)[..., None, None]


class Codec(nn.Module):
    """Latents (B, 4, 8, 8) to images (B, 3, 8, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Conv2d(4, 3, 1)

    def decode(self, z):
        return self.out(z)


def latents(**fixed):
    def build(device, steps, batch=2, classes=True, source=False, init=False, **given):
        net = Network().to(device)
        shape = (batch, 4, 8, 8)
        given["cond"] = {"class_cond": torch.arange(batch, device=device) % 10} if classes else None
        given |= {"source": torch.rand(shape, device=device)} if source else {}
        given |= {"init_latents": torch.rand(shape, device=device), "init_strength": 0.5} if init else {}
        return net, lambda: generate_latents(net, shape, n_steps=steps + 1, **{**fixed, **given})[0]

    return build


def decoded(device, steps, batch=10, **given):
    net, codec = Network().to(device), Codec().to(device)
    asked = {"n_classes": 10, **given}

    def run():
        return sampler(net, codec, batch_size=batch, n_steps=steps + 1, cond={}, latent_shape=(4, 8, 8), **asked)[:2]

    return net, run


SETTINGS = {"RK4, guided": latents(), "RK4": latents(cfg_strength=0.0), "decoded": decoded}
OTHERS = {
    **dict.fromkeys(
        ("RK4, guided", "RK4"),
        (
            {"steps": 3, "classes": False},
            {"source": True, "batch": 1},
            {"init": True, "steps": 6},
            {"cfg_strength": 1.5},
        ),
    ),
    "decoded": ({"steps": 3}, {"n_classes": 0, "batch": 3}, {"cfg_strength": 0.0, "batch": 20}),
}
