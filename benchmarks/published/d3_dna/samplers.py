"""d3-dna: its predictor-corrector and bridge samplers of DNA sequences around a small score network."""

from __future__ import annotations

import torch
from d3_dna.models.diffusion import (
    Absorbing,
    Bridge,
    GeometricNoise,
    Uniform,
    get_guided_bridge_sampler,
    get_pc_sampler,
)
from torch import nn

STAND_INS = ("lightning", "pytorch_lightning", "wandb", "h5py", "flash_attn", "matplotlib")

LENGTH = 12


class Network(nn.Module):
    """Tokens (B, L), or pairs of them (B, 2, L), labels (B, 2) and noise levels (B): log scores."""

    def __init__(self, tokens):
        super().__init__()
        self.embed, self.level = nn.Embedding(tokens, 8), nn.Linear(1, 8)
        self.label, self.out = nn.Linear(1, 8), nn.Linear(8, tokens)

    def forward(self, x, labels, train, sigma):
        seen = self.embed(x) if x.ndim == 2 else self.embed(x).sum(1)
        seen = seen + self.level(sigma.log()[:, None])[:, None]
        if labels is not None:
            seen = seen + self.label(labels.float().reshape(len(x), -1).mean(1, keepdim=True))[:, None]
        return self.out(torch.nn.functional.silu(seen))


def sequences(graph, predictor):
    def build(device, steps, batch=2, labelled=True, kind=graph, **given):
        chosen = {"uniform": Uniform, "absorbing": Absorbing}[kind](4)
        net = Network(chosen.dim).to(device)
        noise = GeometricNoise(1e-3, 4.0).to(device)
        labels = torch.randn(batch, 2, device=device) if labelled else None
        sampler = get_pc_sampler(
            graph=chosen,
            noise=noise,
            batch_dims=(batch, LENGTH),
            predictor=predictor,
            steps=steps,
            device=torch.device(device),
            **given,
        )
        return net, lambda: sampler(net, labels)

    return build


def bridge(predictor):
    def build(device, steps, batch=2, label=1, **given):
        graph = Bridge(4)
        net = Network(graph.dim).to(device)
        noise = GeometricNoise(1e-3, 4.0).to(device)
        start = torch.randint(0, 4, (batch, LENGTH), device=device)
        target = torch.arange(batch) % 2 if label is None else label
        sampler = get_guided_bridge_sampler(predictor, steps, device=device, graph=graph, noise=noise, **given)
        return net, lambda: sampler(net, start, target)

    return build


SETTINGS = {
    "uniform, analytic": sequences("uniform", "analytic"),
    "uniform, Euler": sequences("uniform", "euler"),
    "absorbing, analytic": sequences("absorbing", "analytic"),
    "bridge, Euler": bridge("euler_bridge"),
    "bridge, Tweedie": bridge("tweedie_bridge"),
}
SEQUENCES = (
    {"steps": 3, "denoise": False},
    {"batch": 1, "labelled": False},
    {"dtype": torch.bfloat16, "eps": 1e-3},
    {"kind": "uniform", "batch": 3},
)
BRIDGES = ({"steps": 3}, {"batch": 1, "label": None}, {"dtype": torch.bfloat16, "eps": 1e-3})
OTHERS = {name: BRIDGES if "bridge" in name else SEQUENCES for name in SETTINGS}
