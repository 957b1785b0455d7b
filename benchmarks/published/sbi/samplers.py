"""sbi: sampling of posteriors by score estimators around a small network."""

from __future__ import annotations

import nflows.distributions
import nflows.transforms.splines.rational_quadratic  # noqa: F401
import torch
import zuko.flows  # noqa: F401 - a stand-in that holds what sbi names in its annotations
from sbi.inference.posteriors import VectorFieldPosterior
from sbi.neural_nets.estimators.score_estimator import SubVPScoreEstimator, VEScoreEstimator, VPScoreEstimator
from sbi.utils import BoxUniform
from torch import nn

STAND_INS = ("zuko", "pyro", "nflows", "pyknos", "skorch", "sklearn", "joblib", "matplotlib", "pymc", "arviz")


class Network(nn.Module):
    """Parameters (B, 2), what was observed (B, 3) and times (B): a score."""

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.Linear(6, 2)

    def forward(self, theta, x, t):
        return self.all(torch.cat([theta, x, t.reshape(-1, 1).expand(len(theta), 1)], -1))


def setting(kind, observed=1, **fixed):
    def build(device, steps, samples=4, observed=observed, **given):
        net = Network()
        estimator = kind(net, torch.Size([2]), torch.Size([3])).to(device)
        prior = BoxUniform(-3 * torch.ones(2), 3 * torch.ones(2), device=device)
        posterior = VectorFieldPosterior(estimator, prior, device=device, sample_with="sde")
        x = torch.randn(observed, 3, device=device)
        asked = {"steps": steps, "show_progress_bars": False, "reject_outside_prior": False, **fixed, **given}
        return net, lambda: posterior.sample((samples,), x=x, **asked)

    return build


def batched(device, steps, samples=4, observed=2, **given):
    net = Network()
    estimator = VPScoreEstimator(net, torch.Size([2]), torch.Size([3])).to(device)
    prior = BoxUniform(-3 * torch.ones(2), 3 * torch.ones(2), device=device)
    posterior = VectorFieldPosterior(estimator, prior, device=device, sample_with="sde")
    x = torch.randn(observed, 3, device=device)
    asked = {"steps": steps, "show_progress_bars": False, "reject_outside_prior": False, **given}
    return net, lambda: posterior.sample_batched((samples,), x=x, **asked)


SETTINGS = {
    "VP": setting(VPScoreEstimator),
    "sub-VP": setting(SubVPScoreEstimator),
    "VE": setting(VEScoreEstimator),
    "VP, Langevin": setting(VPScoreEstimator, corrector="langevin"),
    "VP, Gibbs": setting(VPScoreEstimator, corrector="gibbs"),
    "VP, batched": batched,
    "VP, fnpe": setting(VPScoreEstimator, observed=3, iid_method="fnpe"),
    "VP, gauss": setting(VPScoreEstimator, observed=3, iid_method="gauss"),
    "VP, jac_gauss": setting(VPScoreEstimator, observed=3, iid_method="jac_gauss"),
    "VP, interval": setting(
        VPScoreEstimator,
        guidance_method="interval",
        guidance_params={"lower_bound": -1.0, "upper_bound": 1.0},
    ),
    "VP, affine guidance": setting(
        VPScoreEstimator,
        guidance_method="affine_classifier_free",
        guidance_params={"likelihood_scale": 2.0},
    ),
}
OTHERS = {
    name: (
        {"steps": 3},
        {"samples": 1},
        {"steps": 4, "predictor_params": {"eta": 0.5}},
        {"observed": 4} if "gauss" in name or name in ("VP, fnpe", "VP, batched") else {"samples": 3, "steps": 7},
    )
    for name in SETTINGS
}
