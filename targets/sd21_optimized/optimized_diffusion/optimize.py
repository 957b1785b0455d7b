"""Change a published UNet as the article did."""

from __future__ import annotations

import latent_diffusion.unet
import torch
from latent_diffusion.attention import BasicTransformerBlock, CrossAttention
from latent_diffusion.unet import ResBlock, UNetModel

from optimized_diffusion.fused import FusedCrossAttention
from optimized_diffusion.multihead import to_multihead
from optimized_diffusion.timestep_embedding import timestep_embedding


def optimize(unet: UNetModel, *, form: str) -> None:
    """In place: fused attention, embedding on the device, no checkpointing, which inference has no use for.

    :param form: ``multihead`` for the article's ``nn.MultiheadAttention``, ``sdpa`` for the function by itself.
    """
    latent_diffusion.unet.timestep_embedding = timestep_embedding
    for module in unet.modules():
        if isinstance(module, ResBlock):
            module.use_checkpoint = False
        elif isinstance(module, BasicTransformerBlock):
            module.checkpoint = False
    for name, module in list(unet.named_modules()):
        if not isinstance(module, CrossAttention):
            continue
        if form == "sdpa":
            module.__class__ = FusedCrossAttention  # only forward differs, so the weights stay where they are
        else:
            unet.set_submodule(name, to_multihead(module))
    # Its own fast path passes the chosen kernel by; under autocast, as in the article, it is never taken.
    torch.backends.mha.set_fastpath_enabled(False)
