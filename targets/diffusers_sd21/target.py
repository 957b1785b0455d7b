"""Stable Diffusion 2.1 by diffusers: its pipelines, schedulers and models, on the weights of sd21-original."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any

import diffusers
import torch
from diffusers.models.attention_processor import AttnProcessor

HERE = Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "sd21_original"))  # the sizes, the seeded weights and the text encoder are its own

from latent_diffusion.build_model import build_model
from latent_diffusion.run_settings import DTYPES, refuse_absent_device, resolve
from latent_diffusion.sizes import LATENT_FACTOR, SIZES
from latent_diffusion.text_to_image import get_learned_conditioning
from sd21_in_diffusers.models import diffusers_autoencoder, diffusers_unet
from sd21_in_diffusers.pictures import middle_mask, smooth_picture
from sd21_in_diffusers.schedulers import make_scheduler
from sd21_in_diffusers.settings import read_pipeline_settings

import sdprof

PIPELINES = {
    "text-to-image": diffusers.StableDiffusionPipeline,
    "image-to-image": diffusers.StableDiffusionImg2ImgPipeline,
    "inpainting": diffusers.StableDiffusionInpaintPipeline,
}
INPAINTING_CHANNELS = 9
"""Latents, mask, and the latents of what the mask leaves."""


@sdprof.target(
    "diffusers-sd21",
    summary="Stable Diffusion 2.1 by diffusers: text to image, image to image, inpainting",
    sizes=("tiny", "small", "full"),
)
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    """Convert the weights, embed the prompt, and return one of diffusers' pipelines, ready to be called."""
    options = resolve(options)
    refuse_absent_device(options.device)
    settings = read_pipeline_settings(options.extra)
    device, dtype = torch.device(options.device), DTYPES[options.dtype]
    size = SIZES[options.size]
    if settings.task == "inpainting":
        size = dataclasses.replace(size, unet=dataclasses.replace(size.unet, in_channels=INPAINTING_CHANNELS))
    model, text = build_model(options, size)
    with torch.no_grad():
        without_prompt = get_learned_conditioning(text, options.batch_size * [""], device)
        with_prompt = get_learned_conditioning(text, options.batch_size * [settings.prompt], device)
    model.to(dtype)
    unet = diffusers_unet(model.model.diffusion_model, size.unet)
    autoencoder = diffusers_autoencoder(model.first_stage_model, size.autoencoder)
    if settings.attention == "plain":
        for each in (unet, autoencoder):
            each.set_attn_processor(AttnProcessor())
    pipeline = PIPELINES[settings.task](
        vae=autoencoder,
        text_encoder=None,
        tokenizer=None,
        unet=unet,
        scheduler=make_scheduler(settings.sampler, settings.parameterization),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )

    shape = (options.batch_size, 4, options.height // LATENT_FACTOR, options.width // LATENT_FACTOR)
    pixels = (options.batch_size, options.height, options.width)
    given: dict[str, Any] = {
        "prompt_embeds": with_prompt.to(dtype),
        "negative_prompt_embeds": without_prompt.to(dtype),
        "guidance_scale": settings.scale,
        "num_inference_steps": options.steps,
    }
    if settings.task != "text-to-image":
        given["image"] = smooth_picture(*pixels, options.seed).to(device)
    if settings.task == "image-to-image":
        given["strength"] = settings.strength
    else:
        given |= {"height": options.height, "width": options.width}
    if settings.task == "inpainting":
        given |= {"mask_image": middle_mask(*pixels).to(device), "strength": 1.0}

    def run() -> dict[str, torch.Tensor]:
        torch.manual_seed(options.seed)
        if settings.task != "image-to-image":  # that one draws its noise itself
            given["latents"] = torch.randn(shape, device=device).to(dtype)
        latents = pipeline(**given, output_type="latent").images
        if not settings.decode:
            return {"latents": latents}
        with torch.no_grad():
            return {"latents": latents, "images": pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor)[0]}

    return sdprof.Workload(
        run=run,
        hot_modules={"unet": unet},
        source_roots=[HERE, Path(diffusers.__file__).parent],
        settings=options,
        parameters={
            "task": settings.task,
            "attention": settings.attention,
            "sampler": settings.sampler,
            "guidance_scale": settings.scale,
            "prompt": settings.prompt,
            "parameterization": settings.parameterization,
            "weights": "random, seeded" if options.weights is None else str(options.weights),
            "unet_parameters": sum(parameter.numel() for parameter in unet.parameters()),
            "diffusers": diffusers.__version__,
        },
    )
