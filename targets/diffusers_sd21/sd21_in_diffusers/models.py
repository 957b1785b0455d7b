"""diffusers' UNet and autoencoder with the weights of the published modules."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint, convert_ldm_vae_checkpoint
from latent_diffusion.diffusion import SCALE_FACTOR
from latent_diffusion.sizes import AutoencoderShape, UNetShape
from torch import nn

UNET_PREFIX = "model.diffusion_model."
AUTOENCODER_PREFIX = "first_stage_model."


def diffusers_unet(published: nn.Module, shape: UNetShape) -> UNet2DConditionModel:
    """The UNet of the same shape in diffusers, on the very tensors of the published one: none is copied."""
    channels = tuple(shape.model_channels * multiple for multiple in shape.channel_mult)
    attends = tuple(2**level in shape.attention_resolutions for level in range(len(channels)))
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            sample_size=64,  # of the published configuration; any size is computed
            in_channels=shape.in_channels,
            out_channels=shape.out_channels,
            block_out_channels=channels,
            layers_per_block=shape.num_res_blocks,
            cross_attention_dim=shape.context_dim,
            # diffusers' name for the number of heads of each level
            attention_head_dim=tuple(width // shape.num_head_channels for width in channels),
            use_linear_projection=True,
            down_block_types=tuple("CrossAttnDownBlock2D" if each else "DownBlock2D" for each in attends),
            up_block_types=tuple("CrossAttnUpBlock2D" if each else "UpBlock2D" for each in reversed(attends)),
        )
    tensors = {UNET_PREFIX + name: tensor for name, tensor in published.state_dict().items()}
    unet.load_state_dict(convert_ldm_unet_checkpoint(tensors, dict(unet.config)), assign=True)
    return unet.eval()


def diffusers_autoencoder(published: nn.Module, shape: AutoencoderShape) -> AutoencoderKL:
    """The autoencoder of the same shape in diffusers, on the tensors of the published one."""
    channels = tuple(shape.channels * multiple for multiple in shape.channel_mult)
    with torch.device("meta"):
        autoencoder = AutoencoderKL(
            block_out_channels=channels,
            layers_per_block=shape.num_res_blocks,
            latent_channels=shape.z_channels,
            down_block_types=("DownEncoderBlock2D",) * len(channels),
            up_block_types=("UpDecoderBlock2D",) * len(channels),
            scaling_factor=SCALE_FACTOR,
        )
    tensors = {AUTOENCODER_PREFIX + name: tensor for name, tensor in published.state_dict().items()}
    autoencoder.load_state_dict(convert_ldm_vae_checkpoint(tensors, dict(autoencoder.config)), assign=True)
    return autoencoder.eval()
