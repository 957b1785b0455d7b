"""fluidflow: sampling by its transport, of an ODE or an SDE, around its own small network or another."""

from __future__ import annotations

import torch
from fluidFlow.flow_matching import Sampler, create_flow_matching, create_transport
from fluidFlow.unet import Unet1D
from torch import nn


class Network(nn.Module):
    """Images (B, 3, 8, 8), times (B) and classes (B): a velocity, score or noise."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(3, 3, 3, padding=1)
        self.time = nn.Linear(1, 3)
        self.kind = nn.Embedding(4, 3)

    def forward(self, x, t, classes):
        return self.image(x) + self.time(t.reshape(-1, 1))[..., None, None] + self.kind(classes)[..., None, None]


def model(**fixed):
    def build(device, steps, batch=2, asked=None, **given):
        net = Unet1D(dim=8, cond_dim=3, dim_mults=(1, 2), channels=2, attn_dim_head=8, attn_heads=2)
        flow = create_flow_matching(net, 16, num_sampling_steps=steps + 1, **{**fixed, **given}).to(device).eval()
        classes = torch.randn(batch, 3, device=device)
        return net.init_conv, torch.no_grad()(lambda: flow.sample(classes, **(asked or {})))

    return build


def transport(kind, **fixed):
    def build(device, steps, batch=2, path="Linear", prediction="velocity", **given):
        net = Network().to(device)
        sampler = Sampler(create_transport(path, prediction, train_eps=1e-3, sample_eps=1e-3))
        sample = getattr(sampler, kind)(num_steps=steps + 1, **{**fixed, **given})
        x = torch.randn(batch, 3, 8, 8, device=device)
        classes = torch.arange(batch, device=device) % 4
        return net, torch.no_grad()(lambda: sample(x, net, classes=classes)[-1])

    return build


SETTINGS = {
    "flow matching, Euler": model(),
    "flow matching, guided": model(cond_scale=2.0),
    "flow matching, midpoint": model(sampling_method="midpoint"),
    "ODE, Heun": transport("sample_ode", sampling_method="heun2"),
    "ODE, shifted": transport("sample_ode", sampling_method="midpoint", timestep_shift=0.3),
    "SDE, Euler": transport("sample_sde"),
    "SDE, Heun": transport("sample_sde", sampling_method="Heun"),
    "SDE, Tweedie": transport("sample_sde", last_step="Tweedie", diffusion_form="sigma"),
}
OTHERS = {
    **dict.fromkeys(
        ("flow matching, Euler", "flow matching, guided", "flow matching, midpoint"),
        (
            {"steps": 3},
            {"batch": 1, "sampler_timestep_shift": 0.5},
            {"asked": {"return_all_steps": True, "cond_scale": 3.0}},
            {"asked": {"cond_scale": 2.0, "rescaled_phi": 0.7, "cfg_interval_start": 0.3}},
        ),
    ),
    **dict.fromkeys(
        ("ODE, Heun", "ODE, shifted"),
        ({"steps": 3}, {"path": "GVP", "prediction": "noise"}, {"timestep_shift": 0.5}, {"path": "VP", "batch": 1}),
    ),
    **dict.fromkeys(
        ("SDE, Euler", "SDE, Heun", "SDE, Tweedie"),
        (
            {"steps": 3},
            {"path": "GVP", "prediction": "score", "diffusion_form": "linear"},
            {"last_step": "Euler", "diffusion_norm": 0.5},
            {"last_step": None, "diffusion_form": "decreasing"},
        ),
    ),
}
