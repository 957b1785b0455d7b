"""bionemo-moco: its interpolants, stepped along its own inference schedules as in its examples."""

from __future__ import annotations

import torch
from bionemo.moco.distributions.prior import DiscreteMaskedPrior, DiscreteUniformPrior, GaussianPrior
from bionemo.moco.distributions.time import UniformTimeDistribution
from bionemo.moco.interpolants import D3PM, DDPM, MDLM, VDM, ContinuousFlowMatcher, DiscreteFlowMatcher
from bionemo.moco.schedules.inference_time_schedules import (
    DiscreteLinearInferenceSchedule,
    LinearInferenceSchedule,
    LogInferenceSchedule,
    PowerInferenceSchedule,
)
from bionemo.moco.schedules.noise.continuous_noise_transforms import (
    CosineExpNoiseTransform,
    LogLinearExpNoiseTransform,
)
from bionemo.moco.schedules.noise.continuous_snr_transforms import CosineSNRTransform, LinearSNRTransform
from bionemo.moco.schedules.noise.discrete_noise_schedules import (
    DiscreteCosineNoiseSchedule,
    DiscreteLinearNoiseSchedule,
)
from torch import nn

STAND_INS = ("ot", "matplotlib")

TOKENS = 6
SCHEDULES = {"linear": LinearInferenceSchedule, "power": PowerInferenceSchedule, "log": LogInferenceSchedule}
DISCRETE_NOISE = {"cosine": DiscreteCosineNoiseSchedule, "linear": DiscreteLinearNoiseSchedule}
MASKING_NOISE = {"cosine": CosineExpNoiseTransform, "log linear": LogLinearExpNoiseTransform}


class Points(nn.Module):
    """Points (B, N, 3) and times (B): points."""

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(4, 8), nn.SiLU(), nn.Linear(8, 3))

    def forward(self, x, t):
        return self.layers(torch.cat([x, t.float()[:, None, None].expand(*x.shape[:2], 1)], -1))


class Tokens(nn.Module):
    """Tokens (B, N) and times (B): logits."""

    def __init__(self, classes=TOKENS):
        super().__init__()
        self.embed, self.time, self.out = nn.Embedding(classes, 8), nn.Linear(1, 8), nn.Linear(8, classes)

    def forward(self, x, t):
        return self.out(self.embed(x) + self.time(t.float()[:, None, None]))


def flow(method="step", **fixed):
    def build(device, steps, batch=2, schedule="linear", masked=False, **given):
        net = Points().to(device)
        prior = GaussianPrior(center=fixed.get("center", False))
        made = ContinuousFlowMatcher(UniformTimeDistribution(), prior, "velocity", device=device)
        times = SCHEDULES[schedule](steps)
        mask = (torch.arange(5, device=device) < 3).float().expand(batch, 5) if masked else None

        def run():
            sample = made.sample_prior((batch, 5, 3)).to(device)
            with torch.no_grad():
                for dt, t in zip(times.discretize(device=device), times.generate_schedule(device=device), strict=True):
                    time = times.pad_time(batch, t, device)
                    asked = {"model_out": net(sample, time), "xt": sample, "dt": dt, "t": time, "mask": mask}
                    sample = made.general_step(method, {**asked, **fixed, **given})
            return sample

        return net, run

    return build


def variational(method="step", noise=CosineSNRTransform):
    def build(device, steps, batch=2, kind="data", masked=False, schedule="linear", **given):
        net = Points().to(device)
        made = VDM(UniformTimeDistribution(), GaussianPrior(), noise(), kind, device=device)
        times = SCHEDULES[schedule](steps, direction="diffusion", min_t=1e-3)
        mask = (torch.arange(5, device=device) < 3).float().expand(batch, 5) if masked else None

        def run():
            sample = made.sample_prior((batch, 5, 3))
            with torch.no_grad():
                for dt, t in zip(times.discretize(device=device), times.generate_schedule(device=device), strict=True):
                    time = times.pad_time(batch, t, device)
                    out = net(sample, time)
                    sample = getattr(made, method)(out, time, sample, dt, mask, **given)
            return sample

        return net, run

    return build


def ddpm(method="step"):
    def build(device, steps, batch=2, kind="noise", masked=False, noise="cosine", **given):
        net = Points().to(device)
        made = DDPM(UniformTimeDistribution(), GaussianPrior(), DISCRETE_NOISE[noise](steps), kind, device=device)
        times = DiscreteLinearInferenceSchedule(steps, direction="diffusion")
        mask = (torch.arange(5, device=device) < 3).float().expand(batch, 5) if masked else None

        def run():
            sample = made.sample_prior((batch, 5, 3))
            with torch.no_grad():
                for t in times.generate_schedule(device=device):
                    time = torch.full((batch,), t, device=device)
                    sample = getattr(made, method)(net(sample, time), time, sample, mask, **given)
            return sample

        return net, run

    return build


def d3pm(prior):
    def build(device, steps, batch=2, noise="cosine", **given):
        net = Tokens().to(device)
        made = D3PM(UniformTimeDistribution(), prior(TOKENS), DISCRETE_NOISE[noise](steps), device=device)
        times = DiscreteLinearInferenceSchedule(steps, direction="diffusion")

        def run():
            sample = made.sample_prior((batch, 7))
            with torch.no_grad():
                for t in times.generate_schedule(device=device):
                    time = times.pad_time(batch, t, device)
                    sample = made.step(net(sample, time), time, sample, **given)
            return sample

        return net, run

    return build


def discrete_flow(prior, method="step"):
    def build(device, steps, batch=2, schedule="linear", **given):
        net = Tokens().to(device)
        made = DiscreteFlowMatcher(UniformTimeDistribution(), prior(TOKENS), device=device)
        times = SCHEDULES[schedule](steps)

        def run():
            sample = made.sample_prior((batch, 7)).to(device)
            with torch.no_grad():
                for dt, t in zip(times.discretize(device=device), times.generate_schedule(device=device), strict=True):
                    time = times.pad_time(batch, t, device)
                    sample = getattr(made, method)(net(sample, time), time, sample, dt, **given)
            return sample

        return net, run

    return build


def mdlm(method):
    def build(device, steps, batch=2, length=8, noise="log linear", **given):
        net = Tokens().to(device)
        made = MDLM(UniformTimeDistribution(), DiscreteMaskedPrior(TOKENS), MASKING_NOISE[noise](), device=device)
        times = LinearInferenceSchedule(steps, direction="diffusion", min_t=1e-3)

        def run():
            sample = made.sample_prior((batch, length))
            with torch.no_grad():
                dts, schedule = times.discretize(device=device), times.generate_schedule(device=device)
                for i, (dt, t) in enumerate(zip(dts, schedule, strict=True)):
                    time = times.pad_time(batch, t, device)
                    out = net(sample, time)
                    if method == "step":
                        sample = made.step(out, time, sample, dt, **given)
                    elif method == "step_self_path_planning":
                        sample = made.step_self_path_planning(out, sample, time, i, steps, **given)
                    elif method == "step_auto_regressive":
                        sample = made.step_auto_regressive(out, sample, **given)
                    else:
                        sample = getattr(made, method)(out, sample, i, steps, **given)
            return sample

        return net, run

    return build


SETTINGS = {
    "flow": flow(),
    "flow, centred": flow(center=True),
    "flow, stochastic": flow("step_score_stochastic"),
    "VDM": variational(),
    "VDM, DDIM": variational("step_ddim", LinearSNRTransform),
    "DDPM": ddpm(),
    "DDPM, noise": ddpm("step_noise"),
    "DDPM, DDIM": ddpm("step_ddim"),
    "D3PM, uniform": d3pm(DiscreteUniformPrior),
    "D3PM, masked": d3pm(DiscreteMaskedPrior),
    "discrete flow, masked": discrete_flow(DiscreteMaskedPrior),
    "discrete flow, uniform": discrete_flow(DiscreteUniformPrior),
    "discrete flow, purity": discrete_flow(DiscreteMaskedPrior, "step_purity"),
    "MDLM": mdlm("step"),
    "MDLM, confidence": mdlm("step_confidence"),
    "MDLM, confidence margin": mdlm("step_confidence_margin"),
    "MDLM, self path planning": mdlm("step_self_path_planning"),
    "MDLM, autoregressive": mdlm("step_auto_regressive"),
}
FEWER = {"steps": 3}
FLOW = (FEWER, {"batch": 1, "masked": True}, {"schedule": "log"})
LINEAR = {"noise": "linear"}
COSINE = {"noise": "cosine"}
OTHERS = {
    "flow": FLOW,
    "flow, centred": FLOW,
    "flow, stochastic": (
        *FLOW,
        {"gt_mode": "1/t", "gt_clamp": 10.0, "gt_p": 2.0, "score_temperature": 0.5},
        {"t_lim_ode": 0.3},
    ),
    "VDM": (FEWER, {"batch": 1, "masked": True}, {"kind": "noise", "center": True}, {"temperature": 0.5}),
    "VDM, DDIM": (FEWER, {"batch": 1, "masked": True}, {"kind": "noise", "eta": 0.5}, {"kind": "velocity"}),
    "DDPM": (FEWER, {"batch": 1, "masked": True}, {"kind": "data", "temperature": 0.5}, LINEAR),
    "DDPM, noise": (FEWER, {"batch": 1, "masked": True}, {"center": True, "temperature": 0.5}, LINEAR),
    "DDPM, DDIM": (FEWER, {"batch": 1, "masked": True}, {"kind": "velocity", "eta": 0.5}, LINEAR),
    "D3PM, uniform": (FEWER, {"batch": 1}, {"temperature": 0.5}, LINEAR),
    "D3PM, masked": (FEWER, {"batch": 1}, {"temperature": 0.5}, LINEAR),
    "discrete flow, masked": (FEWER, {"batch": 1, "schedule": "log"}, {"temperature": 0.5, "stochasticity": 0.0}),
    "discrete flow, uniform": (FEWER, {"batch": 1, "schedule": "log"}, {"temperature": 0.5, "stochasticity": 0.0}),
    "discrete flow, purity": (FEWER, {"batch": 1, "schedule": "log"}, {"temperature": 0.5, "stochasticity": 0.0}),
    "MDLM": (FEWER, {"batch": 1}, {"temperature": 0.5}, COSINE),
    "MDLM, confidence": (FEWER, {"batch": 1, "num_tokens_unmask": 2}, {"randomness": 0.1, "logit_temperature": 0.5}),
    "MDLM, confidence margin": (FEWER, {"batch": 1, "num_tokens_unmask": 2}, {"confidence_temperature": 0.1}),
    "MDLM, self path planning": (FEWER, {"batch": 1, "length": 5}, {"score_type": "random"}, {"randomness": 0.3}),
    "MDLM, autoregressive": (FEWER, {"batch": 1, "length": 5}, {"logit_temperature": 0.5}),
}
