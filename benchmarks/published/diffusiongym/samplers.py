"""diffusiongym: its environments, which sample trajectories of a small base model under its schedulers."""

from __future__ import annotations

import torch
from diffusiongym import (
    BaseModel,
    ConstantNoiseSchedule,
    CosineScheduler,
    DDTensor,
    DiffusionScheduler,
    DummyReward,
    MemorylessNoiseSchedule,
    OptimalTransportScheduler,
    construct_env,
)
from torch import nn


class Model(BaseModel[DDTensor]):
    """Points (B, 2) and times (B): a velocity, an endpoint, noise or a score."""

    def __init__(self, device, scheduler, output_type):
        super().__init__(device)
        self.layers = nn.Sequential(nn.Linear(3, 8), nn.SiLU(), nn.Linear(8, 2))
        self._scheduler, self.output_type = scheduler, output_type

    @property
    def scheduler(self):
        return self._scheduler

    def sample_p0(self, n, **kwargs):
        return DDTensor(torch.randn(n, 2, device=self.device)), kwargs

    def forward(self, x, t, **kwargs):
        time = self.scheduler.model_input(t).float()
        return DDTensor(self.layers(torch.cat([x.data, time[:, None]], -1)))


def scheduler_of(kind, device):
    if kind == "transport":
        return OptimalTransportScheduler()
    if kind == "cosine":
        return CosineScheduler(1.5)
    return DiffusionScheduler(torch.cumprod(1 - torch.linspace(1e-4, 0.02, 1000, device=device), 0))


def setting(output_type, kind):
    def build(device, steps, batch=2, noise="memoryless", schedule=kind, policy=False, control=False, start=False):
        scheduler = scheduler_of(schedule, device)
        model = Model(torch.device(device), scheduler, output_type).to(device)
        if noise == "memoryless":
            scheduler.noise_schedule = MemorylessNoiseSchedule(scheduler)
        else:
            scheduler.noise_schedule = ConstantNoiseSchedule(noise)
        reward = DummyReward()
        made = construct_env(model, reward, steps)
        if policy:
            made.policy = Model(torch.device(device), scheduler, output_type).to(device)
        if control:
            made.control_policy = lambda x, t, **_: 0.1 * x
        first = DDTensor(torch.randn(batch, 2, device=device)) if start else None

        def run():
            sample = made.sample(batch, pbar=False, x0=first)
            return sample.sample.data, sample.running_costs, sample.cost_functionals, sample.drifts[-1].data

        return model, run

    return build


SETTINGS = {
    "velocity, optimal transport": setting("velocity", "transport"),
    "endpoint, cosine": setting("endpoint", "cosine"),
    "noise, discrete": setting("epsilon", "discrete"),
    "score, optimal transport": setting("score", "transport"),
}
SCHEDULES = {"velocity, optimal transport": "cosine", "endpoint, cosine": "transport"}
OTHERS = {
    name: (
        {"steps": 3, "noise": 0.5},
        {"batch": 1, "policy": True},
        {"policy": True, "control": True},
        {"schedule": SCHEDULES.get(name, "cosine"), "start": True},
    )
    for name in SETTINGS
}
