"""Stable Diffusion 2.1, text to image, as published."""

from __future__ import annotations

from pathlib import Path

import torch
from latent_diffusion.build_model import build_model
from latent_diffusion.ddim import DDIMSampler
from latent_diffusion.dpm_solver import DPMSolverSampler
from latent_diffusion.plms import PLMSSampler
from latent_diffusion.run_settings import precision, read_loop_settings, refuse_absent_device, resolve
from latent_diffusion.sizes import LATENT_FACTOR, SIZES
from latent_diffusion.text_to_image import get_learned_conditioning, text_to_image

import sdprof

SAMPLERS = {"plms": PLMSSampler, "ddim": DDIMSampler, "dpm-solver": DPMSolverSampler}


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
    device = torch.device(options.device)
    model, text = build_model(options, SIZES[options.size], settings.parameterization)
    sampler = SAMPLERS[settings.sampler](model)
    latent_shape = (options.batch_size, 4, options.height // LATENT_FACTOR, options.width // LATENT_FACTOR)

    with torch.no_grad(), precision(options):
        uc = get_learned_conditioning(text, options.batch_size * [""], device)
        c = get_learned_conditioning(text, options.batch_size * [settings.prompt], device)

    def sample() -> dict[str, torch.Tensor]:
        torch.manual_seed(options.seed)
        start_noise = torch.randn(latent_shape, device=device)
        with torch.no_grad(), precision(options):
            latents = sampler.sample(options.steps, start_noise, c, settings.scale, uc)
            if settings.decode:
                return {"latents": latents, "images": model.decode_first_stage(latents)}
        return {"latents": latents}

    def script() -> dict[str, object]:
        torch.manual_seed(options.seed)
        with precision(options):
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

    return sdprof.Workload(
        run=sample if settings.run == "sampling" else script,
        hot_modules={"unet": model.model.diffusion_model},
        source_roots=[Path(__file__).parent],
        settings=options,
        parameters={
            "sampler": settings.sampler,
            "timesteps": sampler.timesteps_visited(options.steps),
            "guidance_scale": settings.scale,
            "prompt": settings.prompt,
            "parameterization": settings.parameterization,
            "weights": "random, seeded" if options.weights is None else str(options.weights),
            "unet_parameters": sum(parameter.numel() for parameter in model.model.parameters()),
        },
    )
