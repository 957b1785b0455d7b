"""Stable Diffusion 2.1, text to image, as published."""

from __future__ import annotations

from pathlib import Path

from latent_diffusion.build_model import build_model
from latent_diffusion.run_settings import read_loop_settings, refuse_absent_device, resolve
from latent_diffusion.sizes import SIZES
from latent_diffusion.workload import SAMPLERS as SAMPLERS
from latent_diffusion.workload import make_workload
from latent_diffusion.xformers_attention import use_xformers

import sdprof


@sdprof.target(
    "sd21-original",
    summary="Stable Diffusion 2.1 text to image with PLMS, as published",
    sizes=("tiny", "small", "full"),
)
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    """Build the model, embed the prompt, and return the sampling loop."""
    options = resolve(options)
    refuse_absent_device(options.device)
    settings = read_loop_settings(options.extra)
    model, text = build_model(options, SIZES[options.size], settings.parameterization)
    if settings.xformers:
        use_xformers(model, options)
    return make_workload(
        model,
        text,
        options,
        settings,
        source_roots=[Path(__file__).parent],
        parameters={"xformers": settings.xformers},
    )
