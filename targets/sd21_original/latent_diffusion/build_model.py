"""The model with its weights: a checkpoint's, or seeded random ones."""

from __future__ import annotations

import torch

from latent_diffusion.checkpoint_file import load_checkpoint, read_checkpoint
from latent_diffusion.diffusion import LatentDiffusion, Parameterization
from latent_diffusion.random_weights import fill_random
from latent_diffusion.sizes import Size
from latent_diffusion.text_encoder import TextEncoder
from sdprof import BuildOptions


def build_model(
    options: BuildOptions, size: Size, parameterization: Parameterization = "eps"
) -> tuple[LatentDiffusion, TextEncoder]:
    """Model and text encoder with the checkpoint's weights, or with seeded random ones.

    :param options: as ``resolve`` returns them.
    """
    device = torch.device(options.device)
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
