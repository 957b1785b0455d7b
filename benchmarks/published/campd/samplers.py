"""campd: its sampling of trajectories in a context, guided and held at both ends, with diffusers' schedulers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pydantic_numpy.typing
import torch

STAND_INS = ("pydantic_numpy", "experiment_launcher", "h5py", "wandb", "matplotlib")

pydantic_numpy.typing.Np1DArray = Any  # what pydantic asks of the stand-in: a type that it knows

from campd.architectures.diffusion.base import ReverseDiffusionNetwork  # noqa: E402
from campd.architectures.registry import REVERSE_NETS  # noqa: E402
from campd.data import TrajectoryContext  # noqa: E402
from campd.models.diffusion.model import ContextTrajectoryDiffusionModel, SamplingCfg  # noqa: E402

STATE, POINTS = 4, 8


@REVERSE_NETS.register("SmallNetwork")
class SmallNetwork(ReverseDiffusionNetwork):
    """Trajectories (B, points, state), times (B) and an embedded context: noise, sample or velocity."""

    def __init__(self):
        super().__init__()
        self.state, self.time = torch.nn.Linear(STATE, 8), torch.nn.Linear(1, 8)
        self.out = torch.nn.Linear(8, STATE)

    def forward(self, x, t, embedded_context_batch):
        seen = self.state(x) + self.time(t.float()[:, None] / 100)[:, None]
        if embedded_context_batch is not None:
            mask = embedded_context_batch.get_mask("all")[..., None].to(x.dtype)
            seen = seen + (embedded_context_batch["all"] * mask).mean(1, keepdim=True)
        return self.out(torch.nn.functional.silu(seen))


def limits(width):
    return {"mins": np.full(width, -3.0, np.float32), "maxs": np.full(width, 3.0, np.float32)}


def linear(width):
    return {"cls": "torch.nn.Linear", "init": {"in_features": width, "out_features": 8}}


def setting(scheduler, **fixed):
    def build(device, steps, batch=2, kind="epsilon", context=True, shared=True, options=None, **given):
        config = {
            "state_dim": STATE,
            "model_type": kind,
            "n_diffusion_steps": 25,
            "network": {"cls": "SmallNetwork"},
            "context_network": {
                "cls": "ContextEncoder",
                "config": {
                    "key_networks": {"boxes": linear(6), "start": linear(STATE), "goal": linear(STATE)},
                    "concat_config": {"all": ["boxes", "start", "goal"]},
                    "include_start_goal": True,
                },
            },
            "normalizer": {"field_limits": {"traj": limits(STATE), "context_boxes": limits(6)}},
        }
        model = ContextTrajectoryDiffusionModel.from_config(config).to(torch.device(device)).eval()
        asked = {
            "n_support_points": POINTS,
            "batch_size": batch,
            "num_inference_steps": steps,
            "inference_scheduler_cls": f"diffusers.{scheduler}",
            "inference_scheduler_kwargs": options or {},
        }
        model.prepare_for_sampling(SamplingCfg(**{**asked, **fixed, **given}))
        where = () if shared else (batch,)
        around = TrajectoryContext(
            {"boxes": torch.randn(*where, 3, 6, device=device)},
            start=torch.randn(*where, STATE, device=device),
            goal=torch.randn(*where, STATE, device=device),
            is_batched=not shared,
        )

        def run():
            made = model.sample(around if context else None)
            return [made[0].trajectory, made[1]] if isinstance(made, tuple) else made.trajectory

        return model.network, run

    return build


SETTINGS = {
    "DDPM": setting("DDPMScheduler"),
    "DDPM, guided": setting("DDPMScheduler", cond_scale=2.0, rescaled_phi=0.7),
    "DPM-Solver": setting("DPMSolverMultistepScheduler"),
}
OTHERS = {
    name: (
        {"steps": 3, "return_chain": True},
        {"batch": 1, "shared": False},
        {"context": False, "kind": "sample", "denormalize": False},
        {"kind": "v_prediction", "cond_scale": 1.5},
    )
    for name in SETTINGS
}
OTHERS["DDPM, guided"] += ({"analytical_first_step": True},)
