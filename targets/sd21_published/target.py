"""Stable Diffusion 2.1 by the published code itself, fetched from the package index, not a line of it changed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "sd21_original"))  # the sizes, the seeded weights and the text encoder are its own

from latent_diffusion.build_model import build_model
from latent_diffusion.run_settings import precision, refuse_absent_device, resolve
from latent_diffusion.sizes import LATENT_FACTOR, SIZES
from latent_diffusion.text_to_image import get_learned_conditioning
from published_code.model import published_model
from published_code.settings import SAMPLERS, read_published_settings
from published_code.stand_ins import missing_imports_stood_in_for

import sdprof
from sdprof.fetched_code import fetched_code_folder


@sdprof.target(
    "sd21-published",
    summary="Stable Diffusion 2.1 text to image by the published code itself (fetch it once)",
    sizes=("tiny", "small", "full"),
)
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    """Import the published code, give it the weights of sd21-original, and return its sampling loop."""
    code = fetched_code_folder(HERE)
    if not code.is_dir():
        raise FileNotFoundError(
            "The published code is not here: fetch it once with sdprof targets fetch sd21-published."
        )
    options = resolve(options)
    refuse_absent_device(options.device)
    settings = read_published_settings(options.extra)
    device, size = torch.device(options.device), SIZES[options.size]
    ours, text = build_model(options, size, settings.parameterization)
    sys.path.insert(0, str(code))
    with missing_imports_stood_in_for(xformers=settings.xformers):
        model = published_model(size, ours)
        module, name = SAMPLERS[settings.sampler]
        sampler = getattr(importlib.import_module(module), name)(model)

    latent_shape = (4, options.height // LATENT_FACTOR, options.width // LATENT_FACTOR)

    with torch.no_grad(), precision(options):
        uc = get_learned_conditioning(text, options.batch_size * [""], device)
        c = get_learned_conditioning(text, options.batch_size * [settings.prompt], device)

    def run() -> dict[str, torch.Tensor]:
        torch.manual_seed(options.seed)
        start_noise = torch.randn((options.batch_size, *latent_shape), device=device)
        with torch.no_grad(), precision(options):
            latents, _ = sampler.sample(
                S=options.steps,
                batch_size=options.batch_size,
                shape=latent_shape,
                conditioning=c,
                unconditional_conditioning=uc,
                unconditional_guidance_scale=settings.scale,
                x_T=start_noise,
                eta=0.0,
                verbose=False,
            )
            if not settings.decode:
                return {"latents": latents}
            return {"latents": latents, "images": model.decode_first_stage(latents)}

    return sdprof.Workload(
        run=run,
        hot_modules={"unet": model.model.diffusion_model},
        source_roots=[HERE, code],
        settings=options,
        parameters={
            "sampler": settings.sampler,
            "guidance_scale": settings.scale,
            "prompt": settings.prompt,
            "parameterization": settings.parameterization,
            "xformers": settings.xformers,
            "weights": "random, seeded" if options.weights is None else str(options.weights),
            "unet_parameters": sum(parameter.numel() for parameter in model.model.parameters()),
        },
    )
