"""score-models: its Euler-Maruyama sampler, likelihood and ODE integrators around its small networks."""

from __future__ import annotations

import torch
from score_models import MLP, EnergyModel, ScoreModel
from score_models.ode.euler import euler
from score_models.ode.heun import heun
from torch import nn

STAND_INS = ("torch_ema",)
VE = {"sde": "ve", "sigma_min": 0.01, "sigma_max": 10.0}
VP = {"sde": "vp", "beta_min": 0.1, "beta_max": 20.0}
TSVE = {"sde": "tsve", "sigma_min": 0.01, "sigma_max": 10.0, "t_star": 0.4, "beta": 2.0}


class Network(nn.Module):
    """Times (B) and images (B, 1, 8, 8), and a condition to add: images."""

    def __init__(self) -> None:
        super().__init__()
        self.image = nn.Conv2d(1, 1, 3, padding=1)
        self.time = nn.Linear(1, 1)
        self.hyperparameters = {"channels": 1}

    def forward(self, t, x, *condition):
        return self.image(x + sum(condition)) + self.time(t[:, None])[..., None, None]


def sampling(sde, energy=False, posterior=False, **fixed):
    def build(device, steps, batch=3, condition=False, **given):
        options = {**sde, **{name: value for name, value in given.items() if name != "guidance_factor"}}
        if energy:
            model = EnergyModel(MLP(4, units=8, nn_is_energy=True), device=device, **options)
            shape = (batch, 4)
        else:
            model = ScoreModel(Network(), device=device, **options)
            shape = (batch, 1, 8, 8)
        call = {**fixed, **{name: value for name, value in given.items() if name == "guidance_factor"}}
        if condition:
            call["condition"] = [torch.randn(shape, device=device)]
        if posterior:
            seen = torch.randn(shape, device=device)

            def likelihood(t, x):
                return (seen - x) / (model.sde.sigma(t) ** 2 + 0.01).view(-1, *[1] * (x.ndim - 1))

            call["likelihood_score_fn"] = likelihood
        return model.model, lambda: model.sample(shape, steps, **call)

    return build


def likelihood(sde, method):
    def build(device, steps, batch=3, t0=1e-3, n_cotangent_vectors=1, noise_type="rademacher", **given):
        model = ScoreModel(Network(), device=device, **{**sde, **given})
        x = torch.randn(batch, 1, 8, 8, device=device)
        call = {"t0": t0, "method": method, "n_cotangent_vectors": n_cotangent_vectors, "noise_type": noise_type}
        return model.model, lambda: model.log_likelihood(x, ode_steps=steps, **call)

    return build


def ode(integrate, sde):
    def build(device, steps, batch=3, **given):
        model = ScoreModel(Network(), device=device, **sde)
        x = torch.randn(batch, 1, 8, 8, device=device)

        @torch.no_grad()
        def run():
            return integrate(x, model.ode_drift, steps, **{"t0": 1.0, "t1": 1e-3, **given})

        return model.model, run

    return build


SETTINGS = {
    "VE": sampling(VE),
    "VP": sampling(VP),
    "truncated VE": sampling(TSVE),
    "VE, posterior": sampling(VE, posterior=True),
    "energy": sampling(VP, energy=True),
    "likelihood, Euler": likelihood(VE, "Euler"),
    "likelihood, Heun": likelihood(VP, "Heun"),
    "ODE, Euler": ode(euler, VP),
    "ODE, Heun": ode(heun, VE),
}
SHORT = {"steps": 3, "batch": 1}
OTHERS = {
    "VE": (SHORT, {"condition": True}, {"sigma_max": 100.0, "T": 0.8}),
    "VP": (SHORT, {"condition": True}, {"beta_max": 5.0, "epsilon": 0.25}),
    "truncated VE": (SHORT, {"condition": True}, {"beta": 1.0, "epsilon": 0.3}),
    "VE, posterior": (SHORT, {"guidance_factor": 0.5}, {**VP, "condition": True}),
    "energy": (SHORT, {"beta_max": 5.0}, VE),
    "likelihood, Euler": (SHORT, {"noise_type": "gaussian"}, VP),
    "likelihood, Heun": (SHORT, {"noise_type": "gaussian"}, {"t0": 0.1}),
    "ODE, Euler": (SHORT, {"t0": 0.5, "t1": 0.1}),
    "ODE, Heun": (SHORT, {"t0": 0.5, "t1": 0.1}),
}
