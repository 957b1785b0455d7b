"""Stable Diffusion 2.1, text to image, as published."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path

import torch
from latent_diffusion.checkpoint_file import load_checkpoint, read_checkpoint
from latent_diffusion.ddim import DDIMSampler
from latent_diffusion.diffusion import LatentDiffusion
from latent_diffusion.plms import PLMSSampler
from latent_diffusion.random_weights import fill_random
from latent_diffusion.sizes import FULL_ON_CPU_IMAGE_SIZE, FULL_ON_CPU_STEPS, SIZES, Size
from latent_diffusion.text_encoder import TextEncoder
from latent_diffusion.text_to_image import get_learned_conditioning, text_to_image

import sdprof

SAMPLERS = {"plms": PLMSSampler, "ddim": DDIMSampler}
PARAMETERIZATIONS = ("eps", "v")
DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
LATENT_FACTOR = 8
SETTINGS = {"sampler", "prompt", "scale", "parameterization", "run", "n_iter"}
GUIDANCE_SCALE = 9.0
"""The published script's default."""


def resolve(options: sdprof.BuildOptions) -> sdprof.BuildOptions:
    """Choose whatever was left open.

    :raises ValueError: for values that the model cannot work with.
    """
    on_cuda = torch.device(options.device).type == "cuda"
    size = options.size or ("full" if on_cuda else "small")
    if size not in SIZES:
        raise ValueError(f"There is no size {size!r}: choose from {', '.join(SIZES)}.")
    defaults = SIZES[size]
    full_on_cpu = size == "full" and not on_cuda
    image_size = FULL_ON_CPU_IMAGE_SIZE if full_on_cpu else defaults.image_size
    resolved = dataclasses.replace(
        options,
        size=size,
        steps=options.steps or (FULL_ON_CPU_STEPS if full_on_cpu else defaults.steps),
        batch_size=options.batch_size or 1,
        height=options.height or image_size,
        width=options.width or image_size,
        dtype=options.dtype or ("float16" if on_cuda else "float32"),
    )
    multiple = LATENT_FACTOR * 2 ** (len(defaults.unet.channel_mult) - 1)
    for name in ("height", "width"):
        if getattr(resolved, name) % multiple:
            raise ValueError(
                f"The {name} must be a multiple of {multiple} pixels at this size, not {getattr(resolved, name)}."
            )
    if resolved.dtype not in DTYPES:
        raise ValueError(f"There is no dtype {resolved.dtype!r}: choose from {', '.join(DTYPES)}.")
    if not 1 <= resolved.steps <= 1000:
        raise ValueError(f"The number of steps must be from 1 to 1000, not {resolved.steps}.")
    unknown = sorted(resolved.extra.keys() - SETTINGS)
    if unknown:
        raise ValueError(f"There is no setting {unknown[0]!r}: --set takes {', '.join(sorted(SETTINGS))}.")
    return resolved


def choice(settings: Mapping[str, str], name: str, known: tuple[str, ...]) -> str:
    """One of a few words; the first is the default."""
    value = settings.get(name, known[0])
    if value not in known:
        raise ValueError(f"--set {name}={value} is none of {', '.join(known)}.")
    return value


def build_model(options: sdprof.BuildOptions, size: Size) -> tuple[LatentDiffusion, TextEncoder]:
    """Model and text encoder with the checkpoint's weights, or with seeded random ones."""
    device = torch.device(options.device)
    parameterization = choice(options.extra, "parameterization", PARAMETERIZATIONS)
    with torch.device("meta"):
        model = LatentDiffusion(
            size,
            use_fp16=device.type == "cuda" and options.dtype == "float16",
            parameterization=parameterization,
        )
        text = TextEncoder(size.text)
    model.to_empty(device="cpu")
    text.to_empty(device="cpu")
    text.number_positions()
    if options.weights is None:
        fill_random(model, options.seed)
        fill_random(text, options.seed)
    else:
        load_checkpoint(read_checkpoint(options.weights), model, text, size)
    model.to(device).eval()
    model.register_schedule(device)
    return model, text.to(device).eval()


@sdprof.target(
    "sd21-original",
    summary="Stable Diffusion 2.1 text to image with PLMS, as published",
    sizes=("tiny", "small", "full"),
)
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    """Build the model, embed the prompt, and return the sampling loop."""
    options = resolve(options)
    size = SIZES[options.size]
    settings = options.extra
    sampler_name = choice(settings, "sampler", tuple(SAMPLERS))
    scope = choice(settings, "run", ("sampling", "script"))
    prompt = settings.get("prompt", "A photo")
    scale = float(settings.get("scale", GUIDANCE_SCALE))
    n_iter = int(settings.get("n_iter", "1"))
    device = torch.device(options.device)

    model, text = build_model(options, size)
    sampler = SAMPLERS[sampler_name](model)
    latent = (options.height // LATENT_FACTOR, options.width // LATENT_FACTOR)

    def precision() -> AbstractContextManager[None]:
        if options.dtype == "float32":
            return contextlib.nullcontext()
        return torch.autocast(device.type, dtype=DTYPES[options.dtype])

    with torch.no_grad(), precision():
        uc = get_learned_conditioning(text, options.batch_size * [""], device)
        c = get_learned_conditioning(text, options.batch_size * [prompt], device)

    def sample() -> dict[str, torch.Tensor]:
        torch.manual_seed(options.seed)
        start_noise = torch.randn((options.batch_size, 4, *latent), device=device)
        with torch.no_grad(), precision():
            return {"latents": sampler.sample(options.steps, start_noise, c, scale, uc)}

    def script() -> dict[str, object]:
        torch.manual_seed(options.seed)
        with precision():
            images = text_to_image(
                model,
                text,
                sampler,
                prompt=prompt,
                batch_size=options.batch_size,
                n_iter=n_iter,
                steps=options.steps,
                scale=scale,
                latent_height=latent[0],
                latent_width=latent[1],
            )
        return {"images": images}

    return sdprof.Workload(
        run=sample if scope == "sampling" else script,
        hot_modules={"unet": model.model.diffusion_model},
        source_roots=[Path(__file__).parent],
        settings=options,
        parameters={
            "sampler": sampler_name,
            "guidance_scale": scale,
            "prompt": prompt,
            "weights": "random, seeded" if options.weights is None else str(options.weights),
            "unet_parameters": sum(parameter.numel() for parameter in model.model.parameters()),
        },
    )
