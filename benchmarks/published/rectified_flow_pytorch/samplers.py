"""rectified-flow-pytorch: the samplers of its flows around a small network."""

from __future__ import annotations

import torch
from torch import nn
from torchvision.models import VGG16_Weights

STAND_INS = (
    "torchvision",
    "einx",
    "x_unet",
    "x_transformers",
    "accelerate",
    "torch_einops_utils",
    "rotary_embedding_torch",
    "hyper_connections",
)
VGG16_Weights.DEFAULT = None  # the stand-in: a default argument of the package names it

# isort: split
from rectified_flow_pytorch import (  # noqa: E402
    EquilibriumMatching,
    LsdFlow,
    MeanFlow,
    NanoFlow,
    RectifiedFlow,
    SplitMeanFlow,
    UAFlow,
)
from rectified_flow_pytorch.nano_flow_multi_obj import NanoFlow as MultiObjectiveFlow  # noqa: E402
from rectified_flow_pytorch.recursive_flow import RecursiveFlow  # noqa: E402
from rectified_flow_pytorch.soflow import SoFlow  # noqa: E402


class Network(nn.Module):
    """Images (B, 3, 8, 8) and up to three times: an image, and its log variance where asked."""

    def __init__(self, variance=False) -> None:
        super().__init__()
        self.variance = variance
        self.image = nn.Conv2d(3, 6 if variance else 3, 3, padding=1)

    def forward(self, x, *times, **named):
        out = self.image(x)
        for time in (*times, *named.values()):
            out = out + time.reshape(-1, 1, 1, 1)
        return out.chunk(2, dim=1) if self.variance else out


def setting(kind, sampled=(), variance=False, **fixed):
    """``sampled`` names what goes to ``sample``, the rest to the flow."""

    def build(device, steps, batch=2, **given):
        net = Network(variance)
        asked = {**fixed, **given}
        of_sample = {name: asked.pop(name) for name in sampled if name in asked}
        flow = kind(net, data_shape=(3, 8, 8), **asked).to(device)

        def run():
            made = {
                name: torch.rand(batch, 3, 8, 8, device=device) if value == "images" else value
                for name, value in of_sample.items()
            }
            return flow.sample(steps=steps, batch_size=batch, **made)

        return net, run

    return build


class Objectives(Network):
    """What is clean, the flow and the noise, stacked."""

    def forward(self, x, times=None):
        named = {} if times is None else {"times": times}
        return torch.stack([super().forward(x, **named), -x, x.tanh()], dim=1)


def multi_objective(device, steps, batch=2, order=("clean", "flow", "noise"), **given):
    net = Objectives()
    flow = MultiObjectiveFlow(net, times_cond_kwarg="times", data_shape=(3, 8, 8), **given).to(device)
    config = tuple((name, steps) for name in order)
    return net, lambda: flow.sample(batch_size=batch, steps_config=config)


OF_RECTIFIED = ("ref_image", "temperature", "reverse", "image")
OF_NANO = ("return_noise", "noise", "image", "reverse", "reverse_fixed_point_steps")
SETTINGS = {
    "rectified, midpoint": setting(RectifiedFlow, OF_RECTIFIED),
    "rectified, Euler, noise": setting(RectifiedFlow, OF_RECTIFIED, predict="noise", odeint_kwargs={"method": "euler"}),
    "rectified, guided by an image": setting(RectifiedFlow, OF_RECTIFIED, ref_image="images"),
    "rectified, reversed": setting(RectifiedFlow, OF_RECTIFIED, image="images", reverse=True),
    "nano": setting(NanoFlow, OF_NANO, times_cond_kwarg="times"),
    "nano, clean": setting(NanoFlow, OF_NANO, times_cond_kwarg="times", predict_clean=True),
    "nano, reversed": setting(NanoFlow, OF_NANO, times_cond_kwarg="times", image="images", reverse=True),
    "mean": setting(MeanFlow, ("noise",)),
    "split mean": setting(SplitMeanFlow, ("noise",)),
    "LSD": setting(LsdFlow, ("noise",)),
    "solution": setting(SoFlow, ("noise",)),
    "recursive": setting(RecursiveFlow, ("return_noise",)),
    "equilibrium matching": setting(EquilibriumMatching, ("return_noise", "optim_klass", "optim_kwargs")),
    "uncertainty aware": setting(UAFlow, variance=True, times_cond_kwarg="times"),
    "several objectives": multi_objective,
}
NOISED = ({"steps": 3}, {"batch": 1}, {"noise": "images"})
RETURNED = ({"steps": 3}, {"batch": 1, "return_noise": True}, {"predict_clean": True})
RECTIFIED = (
    {"steps": 3, "clip_during_sampling": True},
    {"batch": 1, "ref_image": "images"},
    {"odeint_kwargs": {"method": "rk4"}, "predict": "noise"},
    {"clip_flow_during_sampling": True, "time_cond_kwarg": None},
)
OTHERS = {name: RECTIFIED if name.startswith("rectified") else NOISED for name in SETTINGS} | {
    "nano": (*RETURNED, {"times_cond_kwarg": None, "noise": "images"}),
    "nano, clean": (*RETURNED[:2], {"predict_clean": False}, {"image": "images", "reverse": True}),
    "nano, reversed": (*RETURNED, {"reverse_fixed_point_steps": 2}),
    "recursive": (*RETURNED, {"recursive_depth": 3}),
    "equilibrium matching": (
        *RETURNED[:2],
        {"optim_klass": torch.optim.Adam, "optim_kwargs": {"lr": 0.01}},
    ),
    "uncertainty aware": ({"steps": 3, "cfg_scale": 0.0}, {"batch": 1}, {"ucg_scale": 0.0}),
    "several objectives": ({"steps": 2}, {"batch": 1, "order": ("flow",)}, {"order": ("noise", "clean")}),
}
