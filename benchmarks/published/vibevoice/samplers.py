"""vibevoice: its DPM-Solver scheduler in a loop of the usual form."""

from __future__ import annotations

import torch
from torch import nn
from vibevoice.schedule.dpm_solver import DPMSolverMultistepScheduler

STAND_INS = ()


class Network(nn.Module):
    """Latents (B, 4, 16) and times (B): the same shape."""

    def __init__(self) -> None:
        super().__init__()
        self.latent = nn.Conv1d(4, 4, 3, padding=1)
        self.time = nn.Linear(1, 4)

    def forward(self, x, t):
        return self.latent(x) + self.time(t.to(x.dtype).reshape(-1, 1) / 1000)[..., None]


def loop(**fixed):
    """The loop of its inference over latents, with a schedule on the device, as of a diffusers scheduler."""

    def build(device, steps, batch=2, return_dict=True, dtype=torch.float32, **given):
        net = Network().to(device, dtype)
        known = {"beta_schedule": "cosine", "prediction_type": "v_prediction"}
        scheduler = DPMSolverMultistepScheduler(**{**known, **fixed, **given})

        @torch.no_grad()
        def run():
            scheduler.set_timesteps(steps, device=device)
            x = torch.randn(batch, 4, 16, device=device, dtype=dtype) * scheduler.init_noise_sigma
            for t in scheduler.timesteps:
                out = scheduler.step(net(x, t), t, x, return_dict=return_dict)
                x = out.prev_sample if return_dict else out[0]
            return x

        return net, run

    return build


USUAL = ({"steps": 3}, {"batch": 1, "return_dict": False}, {"dtype": torch.bfloat16}, {"timestep_spacing": "trailing"})
SETTINGS = {
    "first order": loop(solver_order=1),
    "second order": loop(),
    "second order, heun": loop(solver_type="heun"),
    "third order": loop(solver_order=3),
    "SDE": loop(algorithm_type="sde-dpmsolver++"),
    "SDE, heun, epsilon": loop(algorithm_type="sde-dpmsolver++", solver_type="heun", prediction_type="epsilon"),
    "thresholding": loop(thresholding=True),
    "Karras sigmas": loop(use_karras_sigmas=True, beta_schedule="linear"),
    "dpmsolver": loop(algorithm_type="dpmsolver", final_sigmas_type="sigma_min", prediction_type="sample"),
}
OTHERS = dict.fromkeys(SETTINGS, USUAL) | {
    "Karras sigmas": ({"steps": 3}, {"dtype": torch.bfloat16}, {"beta_schedule": "scaled_linear", "batch": 1}),
}
