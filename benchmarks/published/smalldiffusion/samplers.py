"""smalldiffusion: its one sampler around its small networks, with its schedules; of accelerate only the device."""

from __future__ import annotations

from types import SimpleNamespace

import torchvision.transforms  # noqa: F401 - a stand-in, which smalldiffusion takes for a module

# isort: split
import torch
from smalldiffusion import (
    ConditionalMLP,
    PredFlow,
    PredV,
    PredX0,
    Scaled,
    ScheduleCosine,
    ScheduleDDPM,
    ScheduleFlow,
    ScheduleLDM,
    ScheduleLogLinear,
    TimeInputMLP,
    Unet,
    samples,
)

STAND_INS = ("torchvision", "accelerate")


def setting(schedule, kind=TimeInputMLP, **fixed):
    def build(device, steps, batch=4, table=schedule, whole=False, given=False, **asked):
        if kind is Unet:
            net = Scaled(Unet)(8, 1, 1, ch=32, ch_mult=(1,), num_res_blocks=1, attn_resolutions=()).to(device)
        else:
            net = kind(dim=2, hidden_dims=(16, 16)).to(device)
        sigmas = table.sample_sigmas(steps)
        accelerator = SimpleNamespace(device=torch.device(device))
        options = {"batchsize": batch, "accelerator": accelerator, **fixed, **asked}
        if options.pop("labels", False):
            options["cond"] = torch.arange(batch)

        def run():
            start = {"xt": net.rand_input(batch).to(device) * sigmas[0]} if given else {}
            *before, last = samples(net, sigmas, **start, **options)
            return [*before, last] if whole else last

        return net, run

    return build


SETTINGS = {
    "DDIM": setting(ScheduleLogLinear(200), gam=1),
    "DDPM": setting(ScheduleDDPM(), gam=1, mu=0.5),
    "accelerated": setting(ScheduleLDM(), gam=2),
    "cosine, x0": setting(ScheduleCosine(), PredX0(TimeInputMLP), gam=1.6),
    "v": setting(ScheduleLogLinear(200), PredV(TimeInputMLP)),
    "flow": setting(ScheduleFlow(), PredFlow(TimeInputMLP)),
    "guidance": setting(ScheduleLogLinear(200), ConditionalMLP, labels=True, cfg_scale=2.0, gam=1.5),
    "U-Net": setting(ScheduleLogLinear(100), Unet, gam=1.6),
}
OTHERS = {
    name: ({"steps": 3, "batch": 1}, {"whole": True, "mu": 0.3}, {"table": ScheduleDDPM(50), "gam": 1.3, "given": True})
    for name in SETTINGS
}
OTHERS["guidance"] += ({"cfg_scale": 0.0},)
