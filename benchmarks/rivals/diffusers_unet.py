"""Stable Diffusion 2.1's sampling loop with diffusers' UNet in it, on the very weights of ``sd21-original``.

The UNet alone is exchanged, so that the two are compared on the same calls.
"""

import dataclasses
import sys
from pathlib import Path

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint

import sdprof

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "targets" / "sd21_original"))
from latent_diffusion.plms import PLMSSampler
from latent_diffusion.sizes import SIZES
from latent_diffusion.text_to_image import get_learned_conditioning
from target import build_model, resolve


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
    shape = size.unet
    model, text = build_model(options, size)
    channels = tuple(shape.model_channels * mult for mult in shape.channel_mult)
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            block_out_channels=channels,
            layers_per_block=shape.num_res_blocks,
            cross_attention_dim=shape.context_dim,
            attention_head_dim=tuple(width // shape.num_head_channels for width in channels),
            use_linear_projection=True,
            down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
            up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        )
    published = {
        f"model.diffusion_model.{name}": tensor for name, tensor in model.model.diffusion_model.state_dict().items()
    }
    unet.load_state_dict(convert_ldm_unet_checkpoint(published, dict(unet.config)), assign=True)
    model.model.diffusion_model = Adapter(unet.eval())
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
