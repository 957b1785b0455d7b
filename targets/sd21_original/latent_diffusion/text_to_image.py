"""From prompts to images, as the published script does it: iteration by iteration, image by image."""

from __future__ import annotations

import numpy as np
import torch

from latent_diffusion.ddim import DDIMSampler
from latent_diffusion.diffusion import LatentDiffusion
from latent_diffusion.dpm_solver import DPMSolverSampler
from latent_diffusion.plms import PLMSSampler
from latent_diffusion.text_encoder import TextEncoder, tokenize


def get_learned_conditioning(text: TextEncoder, prompts: list[str], device: torch.device) -> torch.Tensor:
    """(B, 77, D): the prompts' embeddings."""
    return text(tokenize(prompts).to(device))


@torch.no_grad()
def text_to_image(
    model: LatentDiffusion,
    text: TextEncoder,
    sampler: PLMSSampler | DDIMSampler | DPMSolverSampler,
    *,
    prompt: str,
    n_iter: int,
    steps: int,
    scale: float,
    latent_shape: tuple[int, int, int, int],
) -> list[np.ndarray]:
    """Images as (H, W, 3) arrays of uint8."""
    device = model.betas.device
    images = []
    for _ in range(n_iter):
        uc = get_learned_conditioning(text, latent_shape[0] * [""], device)
        c = get_learned_conditioning(text, latent_shape[0] * [prompt], device)
        start_noise = torch.randn(latent_shape, device=device)
        samples = sampler.sample(steps, start_noise, c, scale, uc)
        decoded = model.decode_first_stage(samples)
        decoded = torch.clamp(decoded / 2 + 0.5, 0, 1)
        for image in decoded:
            pixels = image.cpu().numpy().transpose(1, 2, 0) * 255
            images.append(pixels.astype(np.uint8))
    return images
