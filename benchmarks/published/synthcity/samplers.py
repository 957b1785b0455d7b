"""synthcity: the samplers of its diffusion of tables, of numbers and categories, around its own small network."""

from __future__ import annotations

from unittest.mock import MagicMock

import loguru
import optuna.logging  # noqa: F401 - a stand-in
import torch

loguru.logger = MagicMock()

from synthcity.plugins.core.models.tabular_ddpm.gaussian_multinomial_diffsuion import (  # noqa: E402
    GaussianMultinomialDiffusion,
)

STAND_INS = (
    "tsai",
    "optuna",
    "loguru",
    "synthcity.plugins.core.plugin",
    "synthcity.metrics",
    "monai",
    "torchvision",
    "sklearn",
)


def setting(**fixed):
    def build(device, steps, rows=4, categories=(3, 2), classes=0, asked=None, **given):
        diffusion = GaussianMultinomialDiffusion(
            num_numerical_features=2,
            num_categorical_features=categories,
            model_type="mlp",
            model_params={"n_units_hidden": 8, "n_layers_hidden": 1, "dropout": 0.0},
            num_timesteps=steps,
            num_classes=classes,
            conditional=classes > 0,
            dim_emb=8,
            device=device,
            **given,
        ).to(device)
        diffusion.eval()
        cond = torch.arange(rows, device=device) % classes if classes else None
        return diffusion.denoise_fn, lambda: diffusion.sample_all(rows, cond, **{**fixed, **(asked or {})})

    return build


SETTINGS = {"DDPM": setting(), "DDIM": setting(ddim=True)}
OTHERS = {
    name: (
        {"steps": 30, "scheduler": "linear"},
        {"categories": (0,)},
        {"classes": 3, "categories": (4,), "asked": {"max_batch_size": 2}},
        {"gaussian_parametrization": "x0", "parametrization": "direct"},
    )
    for name in SETTINGS
}
