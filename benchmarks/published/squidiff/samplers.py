"""Squidiff: its spaced diffusion of cells, around its own small network with a code of what is wanted."""

from __future__ import annotations

import torch
from Squidiff.MLPModel import MLPModel
from Squidiff.script_util import create_gaussian_diffusion

STAND_INS = ("scanpy", "rdkit", "matplotlib", "anndata", "mpi4py", "blobfile", "sklearn")
SIZES = {
    "gene_size": 8,
    "num_layers": 1,
    "hidden_sizes": 16,
    "time_pos_dim": 16,
    "time_embed_dim": 16,
    "latent_dim": 60,
}


def towards(x, t, **_):
    return -x


def setting(kind, **fixed):
    def build(device, steps, cells=4, coded=True, noise=False, asked=None, respaced="", **given):
        learned = {**fixed, **given}.get("learn_sigma", False)
        model = MLPModel(output_dim=16 if learned else 8, use_encoder=coded, **SIZES).to(device).eval()
        longer = {"steps": 20, "timestep_respacing": f"{respaced}{steps}"}
        diffusion = create_gaussian_diffusion(**longer, use_encoder=coded, **{**fixed, **given})
        code = {"z_mod": torch.randn(cells, 60, device=device)} if coded else {}
        start = {"noise": torch.randn(cells, 8, device=device)} if noise else {}
        asked = {"model_kwargs": code, **start, **(asked or {})}
        return model, lambda: getattr(diffusion, kind)(model, (cells, 8), **asked)

    return build


def reversed_ddim(device, steps, cells=4, **asked):
    model = MLPModel(output_dim=8, use_encoder=True, **SIZES).to(device).eval()
    diffusion = create_gaussian_diffusion(steps=steps, noise_schedule="cosine", use_encoder=True)
    x = torch.randn(cells, 8, device=device)
    code = {"z_mod": torch.randn(cells, 60, device=device)}

    @torch.no_grad()
    def run(x=x):
        for step in range(steps):
            t = torch.tensor([step] * cells, device=device)
            x = diffusion.ddim_reverse_sample(model, x, t, model_kwargs=code, **asked)["sample"]
        return x

    return model, run


SETTINGS = {
    "DDPM": setting("p_sample_loop"),
    "DDPM, learned variance": setting("p_sample_loop", learn_sigma=True),
    "DDIM": setting("ddim_sample_loop"),
    "DDIM, rescaled steps": setting("ddim_sample_loop", rescale_timesteps=True, noise_schedule="cosine"),
    "DDIM, reversed": reversed_ddim,
}
OTHERS = {
    name: (
        {"steps": 3, "coded": False},
        {"asked": {"clip_denoised": True, **({"eta": 0.5} if "DDIM" in name else {})}, "noise": True},
        {"asked": {"cond_fn": towards, "denoised_fn": torch.tanh}, "cells": 1},
        {"predict_xstart": True, "respaced": "ddim", "sigma_small": True, "noise_schedule": "cosine"},
    )
    for name in SETTINGS
}
OTHERS["DDIM, reversed"] = ({"steps": 3}, {"cells": 1, "clip_denoised": True}, {"denoised_fn": torch.tanh})
