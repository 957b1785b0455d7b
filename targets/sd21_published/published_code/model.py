"""The published model, made by the published code from a configuration, on the weights of ``sd21-original``."""

from __future__ import annotations

from typing import Any

import torch
from latent_diffusion.diffusion import LINEAR_END, LINEAR_START, SCALE_FACTOR, TIMESTEPS, LatentDiffusion
from latent_diffusion.sizes import AutoencoderShape, Size, UNetShape
from torch import nn


def published_model(size: Size, ours: LatentDiffusion) -> nn.Module:
    """``ldm``'s LatentDiffusion with every tensor of ours; the schedule's tables are its own.

    The published package must be on ``sys.path``, and its missing imports stood in for.

    :raises RuntimeError: if the two have different keys.
    """
    from ldm.models.diffusion.ddpm import LatentDiffusion as Published

    model = Published(
        unet_config={
            "target": f"{__name__}.unet",
            "params": {"shape": size.unet, "dtype": ours.model.diffusion_model.dtype},
        },
        first_stage_config={"target": f"{__name__}.autoencoder", "params": {"shape": size.autoencoder}},
        cond_stage_config={"target": "torch.nn.Identity"},  # the prompt comes embedded
        conditioning_key="crossattn",
        timesteps=TIMESTEPS,
        linear_start=LINEAR_START,
        linear_end=LINEAR_END,
        scale_factor=SCALE_FACTOR,
        parameterization=ours.parameterization,
        use_ema=False,
        monitor=None,
    )
    tables = {name for name, _ in model.named_buffers()}
    keys = model.load_state_dict(ours.state_dict(), strict=False, assign=True)
    if keys.unexpected_keys or set(keys.missing_keys) - tables:
        odd = ", ".join([*keys.unexpected_keys, *keys.missing_keys][:3])
        raise RuntimeError(f"The published model has other keys than sd21-original: {odd}")
    return model.eval().to(ours.betas.device)


def unet(shape: UNetShape, dtype: torch.dtype) -> nn.Module:
    """The published UNet, without memory: it gets tensors that are there already."""
    from ldm.modules.diffusionmodules.openaimodel import UNetModel

    with torch.device("meta"):
        return UNetModel(
            image_size=32,  # as in the published configuration; it is not used
            in_channels=shape.in_channels,
            out_channels=shape.out_channels,
            model_channels=shape.model_channels,
            attention_resolutions=list(shape.attention_resolutions),
            num_res_blocks=shape.num_res_blocks,
            channel_mult=list(shape.channel_mult),
            num_head_channels=shape.num_head_channels,
            use_spatial_transformer=True,
            use_linear_in_transformer=True,
            transformer_depth=1,
            context_dim=shape.context_dim,
            use_checkpoint=True,
            use_fp16=dtype == torch.float16,
            legacy=False,
        )


def autoencoder(shape: AutoencoderShape) -> nn.Module:
    """The published autoencoder, without memory."""
    from ldm.models.autoencoder import AutoencoderKL

    settings: dict[str, Any] = {
        "double_z": True,
        "z_channels": shape.z_channels,
        "resolution": 256,  # as in the published configuration; without attention at any, it is not used
        "in_channels": 3,
        "out_ch": 3,
        "ch": shape.channels,
        "ch_mult": list(shape.channel_mult),
        "num_res_blocks": shape.num_res_blocks,
        "attn_resolutions": [],
        "dropout": 0.0,
    }
    with torch.device("meta"):
        return AutoencoderKL(ddconfig=settings, lossconfig={"target": "torch.nn.Identity"}, embed_dim=shape.z_channels)
