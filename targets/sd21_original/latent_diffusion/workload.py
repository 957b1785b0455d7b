"""The model at work: what a run is, for every target that samples with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import torch

from latent_diffusion.ddim import DDIMSampler
from latent_diffusion.diffusion import LatentDiffusion
from latent_diffusion.dpm_solver import DPMSolverSampler
from latent_diffusion.plms import PLMSSampler
from latent_diffusion.run_settings import LoopSettings, precision
from latent_diffusion.sampler import Sampler
from latent_diffusion.sizes import LATENT_FACTOR
from latent_diffusion.text_encoder import TextEncoder
from latent_diffusion.text_to_image import get_learned_conditioning, text_to_image
from sdprof import BuildOptions, Workload

SAMPLERS = {"plms": PLMSSampler, "ddim": DDIMSampler, "dpm-solver": DPMSolverSampler}


def make_workload(
    model: LatentDiffusion,
    text: TextEncoder,
    options: BuildOptions,
    settings: LoopSettings,
    *,
    source_roots: list[Path],
    parameters: dict[str, str | int | float | bool] | None = None,
    around: Callable[[], AbstractContextManager[object]] = contextlib.nullcontext,
    sampler: Sampler | None = None,
) -> Workload:
    """The sampling loop, or the whole script, over a model that is built.

    :param options: as ``resolve`` returns them.
    :param parameters: what describes this target beside what all of them share.
    :param around: entered around every run.
    :param sampler: takes the place of the one that the settings name.
    """
    device = torch.device(options.device)
    sampler = sampler or SAMPLERS[settings.sampler](model)
    latent_shape = (options.batch_size, 4, options.height // LATENT_FACTOR, options.width // LATENT_FACTOR)

    with torch.no_grad(), precision(options):
        uc = get_learned_conditioning(text, options.batch_size * [""], device)
        c = get_learned_conditioning(text, options.batch_size * [settings.prompt], device)

    def sample() -> dict[str, torch.Tensor]:
        torch.manual_seed(options.seed)
        start_noise = torch.randn(latent_shape, device=device)
        with torch.no_grad(), precision(options), around():
            latents = sampler.sample(options.steps, start_noise, c, settings.scale, uc)
            if settings.decode:
                return {"latents": latents, "images": model.decode_first_stage(latents)}
        return {"latents": latents}

    def script() -> dict[str, object]:
        torch.manual_seed(options.seed)
        with precision(options), around():
            images = text_to_image(
                model,
                text,
                sampler,
                prompt=settings.prompt,
                n_iter=settings.n_iter,
                steps=options.steps,
                scale=settings.scale,
                latent_shape=latent_shape,
            )
        return {"images": images}

    return Workload(
        run=sample if settings.run == "sampling" else script,
        hot_modules={"unet": model.model.diffusion_model},
        source_roots=source_roots,
        settings=options,
        parameters={
            "sampler": settings.sampler,
            "timesteps": sampler.timesteps_visited(options.steps),
            "guidance_scale": settings.scale,
            "prompt": settings.prompt,
            "parameterization": settings.parameterization,
            "weights": "random, seeded" if options.weights is None else str(options.weights),
            "unet_parameters": sum(parameter.numel() for parameter in model.model.parameters()),
            **(parameters or {}),
        },
    )
