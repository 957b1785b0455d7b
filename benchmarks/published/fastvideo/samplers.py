"""fastvideo: its schedulers in the loop of its denoising stages, around a small network."""

from __future__ import annotations

import torch
from fastvideo.models.schedulers.scheduling_flow_map_euler_discrete import FlowMapEulerDiscreteScheduler
from fastvideo.models.schedulers.scheduling_flow_match_euler_discrete import FlowMatchEulerDiscreteScheduler
from fastvideo.models.schedulers.scheduling_flow_unipc_multistep import FlowUniPCMultistepScheduler
from fastvideo.models.schedulers.scheduling_minimax_h3 import MiniMaxH3Scheduler
from fastvideo.models.schedulers.scheduling_rcm import RCMScheduler
from fastvideo.models.schedulers.scheduling_self_forcing_flow_match import SelfForcingFlowMatchScheduler
from fastvideo.models.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler
from torch import nn

STAND_INS = ("fastvideo.configs", "fastvideo.api", "fastvideo.entrypoints")


class Network(nn.Module):
    """Latents (B, 4, 3, 8, 8) and times (B): the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = nn.Conv3d(4, 4, 3, padding=1)
        self.time = nn.Linear(1, 4)

    def forward(self, x, t):
        return self.latent(x) + self.time(t.to(x.dtype).reshape(-1, 1) / 1000)[..., None, None, None]


def setting(kind, **fixed):
    """The loop over ``scheduler.timesteps`` with guidance, as in its denoising stage."""

    def build(device, steps, batch=2, dtype=torch.float32, guidance=1.0, kept=torch.float32, **given):
        net = Network().to(device, dtype)
        scheduler = kind(**{**fixed, **given})

        @torch.no_grad()
        def run():
            scheduler.set_timesteps(steps, device=device)
            latents = torch.randn(batch, 4, 3, 8, 8, device=device, dtype=kept)
            for t in scheduler.timesteps:
                scaled = scheduler.scale_model_input(latents.to(dtype), t)
                noise_pred = net(scaled, t.repeat(batch).to(device))
                if guidance != 1.0:
                    uncond = net(scaled * 0.5, t.repeat(batch).to(device))
                    noise_pred = uncond + guidance * (noise_pred - uncond)
                latents = scheduler.step(noise_pred, t, latents, return_dict=False)[0]
            return latents

        return net, run

    return build


def flow_map(device, steps, batch=2, dtype=torch.float32, **given):
    net = Network().to(device, dtype)
    scheduler = FlowMapEulerDiscreteScheduler(**{"shift": 5.0, **given})

    @torch.no_grad()
    def run():
        scheduler.set_timesteps(num_inference_steps=steps, device=device)
        latents = torch.randn(batch, 4, 3, 8, 8, device=device, dtype=dtype)
        for t, r in zip(scheduler.timesteps[:-1], scheduler.timesteps[1:], strict=True):
            t, r = t.expand(batch), r.expand(batch)
            latents = scheduler.step(net(latents, t), sample=latents, timestep=t, r_timestep=r)
        return latents

    return net, run


def self_forcing(device, steps, batch=2, dtype=torch.float32, **given):
    """Frames (B * 3, 4, 8, 8), each with a time of its own."""
    net = nn.Conv2d(4, 4, 3, padding=1).to(device, dtype)
    known = {"shift": 5.0, "sigma_min": 0.0, "extra_one_step": True}
    scheduler = SelfForcingFlowMatchScheduler(**{**known, **given})

    @torch.no_grad()
    def run():
        scheduler.set_timesteps(steps)
        latents = torch.randn(batch * 3, 4, 8, 8, device=device, dtype=dtype)
        for t in scheduler.timesteps:
            times = t * torch.ones(batch, 3, device=device)
            latents = scheduler.step(net(latents.to(dtype)), times, latents)[0]
        return latents

    return net, run


BF16 = {"dtype": torch.bfloat16, "kept": torch.bfloat16}
USUAL = ({"steps": 3}, {"batch": 1, "guidance": 4.0}, BF16)
UNIPC = (*USUAL[:2], {**BF16, "solver_order": 3}, {"solver_type": "bh1", "predict_x0": False})
SETTINGS = {
    "flow Euler": setting(FlowMatchEulerDiscreteScheduler, shift=3.0),
    "flow Euler, stochastic": setting(FlowMatchEulerDiscreteScheduler, stochastic_sampling=True),
    "flow Euler, Karras": setting(FlowMatchEulerDiscreteScheduler, use_karras_sigmas=True),
    "flow UniPC": setting(FlowUniPCMultistepScheduler, shift=3.0),
    "UniPC": setting(UniPCMultistepScheduler),
    "UniPC, third order": setting(UniPCMultistepScheduler, solver_order=3, prediction_type="v_prediction"),
    "rCM": setting(RCMScheduler),
    "MiniMax H3": setting(MiniMaxH3Scheduler),
    "flow map": flow_map,
    "self forcing": self_forcing,
}
PLAIN = ({"steps": 3}, {"batch": 1, "shift": 1.0}, {"dtype": torch.bfloat16})
OTHERS = dict.fromkeys(SETTINGS, USUAL) | {
    "flow UniPC": UNIPC,
    "UniPC": UNIPC,
    "UniPC, third order": (*USUAL, {"thresholding": True}),
    "rCM": ({"steps": 3}, {"batch": 1, "guidance": 2.0, "sigma_max": 40.0}, {"mid_timesteps": [1.5, 0.9]}),
    "flow map": PLAIN,
    "self forcing": (*PLAIN, {"extra_one_step": False}),
}
