"""From prompts to images, as the published script does it: iteration by iteration, image by image."""

from __future__ import annotations

import numpy as np
import torch

from latent_diffusion.ddim import DDIMSampler
from latent_diffusion.diffusion import LatentDiffusion
from latent_diffusion.plms import PLMSSampler
from latent_diffusion.text_encoder import TextEncoder, tokenize


def get_learned_conditioning(text: TextEncoder, prompts: list[str], device: torch.device) -> torch.Tensor:
    """(B, 77, D): the prompts' embeddings."""
    return text(tokenize(prompts).to(device))


@torch.no_grad()
def text_to_image(
    model: LatentDiffusion,
    text: TextEncoder,
    sampler: PLMSSampler | DDIMSampler,
    *,
    prompt: str,
    batch_size: int,
    n_iter: int,
    steps: int,
    scale: float,
    latent_height: int,
    latent_width: int,
) -> list[np.ndarray]:
    """Images as (H, W, 3) arrays of uint8."""
    device = model.betas.device
    images = []
    for _ in range(n_iter):
        uc = get_learned_conditioning(text, batch_size * [""], device)
        c = get_learned_conditioning(text, batch_size * [prompt], device)
        start_noise = torch.randn((batch_size, 4, latent_height, latent_width), device=device)
        samples = sampler.sample(steps, start_noise, c, scale, uc)
        x_samples = model.decode_first_stage(samples)
        x_samples = torch.clamp((x_samples + 1.0) / 2.0, min=0.0, max=1.0)
        for x_sample in x_samples:
            x_sample = 255.0 * x_sample.cpu().numpy().transpose(1, 2, 0)
            images.append(x_sample.astype(np.uint8))
    return images
