"""One optimisation step of Stable Diffusion 2.1's UNet: noise loss, gradients, AdamW."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import torch

HERE = Path(__file__).resolve().parent
ORIGINAL, OPTIMIZED = HERE.parent / "sd21_original", HERE.parent / "sd21_optimized"
sys.path += [str(ORIGINAL), str(OPTIMIZED)]  # the model, and the attention that it may be trained with

from latent_diffusion.attention import BasicTransformerBlock, CrossAttention
from latent_diffusion.build_model import build_model
from latent_diffusion.run_settings import precision, refuse_absent_device, resolve
from latent_diffusion.sizes import LATENT_FACTOR, SIZES
from latent_diffusion.text_to_image import get_learned_conditioning
from latent_diffusion.unet import ResBlock
from optimized_diffusion.fused import FusedCrossAttention
from training.noise_loss import noise_loss
from training.settings import read_training_settings

import sdprof


@sdprof.target(
    "sd21-training",
    summary="One training step of Stable Diffusion 2.1's UNet: noise loss, gradients, AdamW",
    sizes=("tiny", "small", "full"),
)
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    """Build the model for training, draw a batch, and return the step."""
    if options.dtype == "float16":
        raise ValueError(
            "float16 loses small gradients, and nothing scales them here: say --dtype bfloat16 or float32."
        )
    chosen = resolve(options)
    if options.dtype is None:
        chosen = dataclasses.replace(chosen, dtype="bfloat16" if chosen.device.startswith("cuda") else "float32")
    refuse_absent_device(chosen.device)
    settings = read_training_settings(chosen.extra)
    device, size = torch.device(chosen.device), SIZES[chosen.size]
    model, text = build_model(chosen, size)
    unet = model.model.diffusion_model
    for module in unet.modules():
        if isinstance(module, ResBlock):
            module.use_checkpoint = settings.checkpointing
        elif isinstance(module, BasicTransformerBlock):
            module.checkpoint = settings.checkpointing
        elif isinstance(module, CrossAttention) and settings.attention == "sdpa":
            module.__class__ = FusedCrossAttention  # only forward differs, so the weights stay where they are
    with torch.no_grad(), precision(chosen):
        context = get_learned_conditioning(text, chosen.batch_size * [settings.prompt], device)
    generator = torch.Generator().manual_seed(chosen.seed)
    shape = (chosen.batch_size, 4, chosen.height // LATENT_FACTOR, chosen.width // LATENT_FACTOR)
    latents, noise = (torch.randn(shape, generator=generator).to(device) for _ in range(2))
    timesteps = torch.randint(model.num_timesteps, shape[:1], generator=generator).to(device)
    # With a learning rate of 0 all of the optimiser's arithmetic is done, and every run begins with the same weights.
    optimizer = torch.optim.AdamW(unet.parameters(), lr=0.0)

    def step() -> dict[str, torch.Tensor]:
        optimizer.zero_grad(set_to_none=True)
        with torch.enable_grad():
            with precision(chosen):
                losses = noise_loss(model, latents, noise, timesteps, context)
            losses.mean().backward()
        optimizer.step()
        gradients = {name: parameter.grad for name, parameter in unet.named_parameters()}
        return {
            "losses": losses.detach(),
            "gradient_norms": torch.stack([gradients[name].norm() for name in sorted(gradients)]),
            "gradient_of_the_first_convolution": gradients["input_blocks.0.0.weight"],
        }

    def run() -> dict[str, torch.Tensor]:
        steps = [step() for _ in range(chosen.steps)]
        return steps[-1]

    return sdprof.Workload(
        run=run,
        hot_modules={"unet": unet},
        source_roots=[HERE, ORIGINAL, OPTIMIZED],
        settings=chosen,
        parameters={
            "attention": settings.attention,
            "checkpointing": settings.checkpointing,
            "optimizer": "AdamW",
            "prompt": settings.prompt,
            "unet_parameters": sum(parameter.numel() for parameter in unet.parameters()),
        },
    )
