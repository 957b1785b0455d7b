"""Stable Diffusion 2.1's sampling loop with diffusers' UNet in it, on the very weights of ``sd21-original``.

The UNet alone is exchanged, so that the two are compared on the same calls.
"""

import dataclasses
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel

import sdprof

TARGETS = Path(__file__).resolve().parents[2] / "targets"
sys.path += [str(TARGETS / "sd21_original"), str(TARGETS / "diffusers_sd21")]
from latent_diffusion.build_model import build_model
from latent_diffusion.plms import PLMSSampler
from latent_diffusion.run_settings import resolve
from latent_diffusion.sizes import SIZES
from latent_diffusion.text_to_image import get_learned_conditioning
from sd21_in_diffusers.models import diffusers_unet


class Adapter(torch.nn.Module):
    """Calls diffusers' UNet as the published sampler calls its own."""

    def __init__(self, unet: UNet2DConditionModel) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, x: torch.Tensor, timesteps: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """(B, 4, H, W), (B,), (B, M, D) → (B, 4, H, W)."""
        return self.unet(x, timesteps, encoder_hidden_states=context, return_dict=False)[0]


@sdprof.target("diffusers-unet", summary="diffusers' UNet in the published loop", sizes=("small", "full"))
def build(options: sdprof.BuildOptions) -> sdprof.Workload:
    """Convert the weights and put diffusers' UNet where the published one was."""
    options = resolve(options)
    size = SIZES[options.size]
    model, text = build_model(options, size)
    unet = diffusers_unet(model.model.diffusion_model, size.unet)
    model.model.diffusion_model = Adapter(unet)
    sampler = PLMSSampler(model)
    device = torch.device(options.device)
    with torch.no_grad():
        uc = get_learned_conditioning(text, options.batch_size * [""], device)
        c = get_learned_conditioning(text, options.batch_size * ["A photo"], device)

    def run() -> dict[str, torch.Tensor]:
        torch.manual_seed(options.seed)
        noise = torch.randn((options.batch_size, 4, options.height // 8, options.width // 8), device=device)
        with torch.no_grad():
            return {"latents": sampler.sample(options.steps, noise, c, 9.0, uc)}

    return sdprof.Workload(
        run=run, hot_modules={"unet": unet}, settings=dataclasses.replace(options), source_roots=[Path(__file__)]
    )
