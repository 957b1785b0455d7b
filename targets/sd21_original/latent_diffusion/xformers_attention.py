"""Attention by xFormers, as the published code has it wherever xFormers is installed."""

from __future__ import annotations

import importlib

import torch

from latent_diffusion.attention import CrossAttention, merge_heads, split_heads
from latent_diffusion.autoencoder import AttnBlock
from latent_diffusion.diffusion import LatentDiffusion
from latent_diffusion.run_settings import precision
from sdprof import BuildOptions


class XformersCrossAttention(CrossAttention):
    """The same projections; nothing forces queries and keys to float32."""

    def forward(self, tokens: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        """(B, N, width), (B, M, context_width) → (B, N, width)."""
        source = tokens if context is None else context
        projected = (self.to_q(tokens), self.to_k(source), self.to_v(source))
        query, key, value = (split_heads(part, self.heads) for part in projected)
        return self.to_out(merge_heads(memory_efficient_attention(query, key, value), self.heads))


class XformersAttnBlock(AttnBlock):
    """One head of attention over all pixels, for the autoencoder."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) → (B, C, H, W)."""
        normalized = self.norm(features)
        query, key, value = (
            project(normalized).flatten(2).transpose(1, 2).contiguous() for project in (self.q, self.k, self.v)
        )
        mixed = memory_efficient_attention(query, key, value).transpose(1, 2).unflatten(2, features.shape[2:])
        return features + self.proj_out(mixed)


def memory_efficient_attention(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """(B, N, D), (B, M, D), (B, M, D) → (B, N, D), by whichever kernel xFormers chooses."""
    return importlib.import_module("xformers.ops").memory_efficient_attention(query, key, value)


def use_xformers(model: LatentDiffusion, options: BuildOptions) -> None:
    """Have every attention of UNet and autoencoder computed by xFormers.

    :raises ValueError: if it is not installed, or has no kernel for this device.
    """
    heads = [module for module in model.modules() if isinstance(module, CrossAttention)]
    channels = heads[0].to_q.out_features // heads[0].heads
    probe = torch.ones(1, 8, channels, device=options.device)
    try:
        with torch.no_grad(), precision(options):
            memory_efficient_attention(*(torch.nn.functional.linear(probe, probe.new_ones(channels, channels)),) * 3)
    except ImportError:
        raise ValueError(
            "xFormers is not installed: pip install 'sdprof[xformers]' on a machine with a CUDA device."
        ) from None
    except (NotImplementedError, RuntimeError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:160].rstrip(". :")
        raise ValueError(f"xFormers has no attention kernel for {options.device} here ({reason}).") from None
    for module in model.modules():
        # Only forward differs, so the weights stay where they are.
        if isinstance(module, CrossAttention):
            module.__class__ = XformersCrossAttention
        elif isinstance(module, AttnBlock):
            module.__class__ = XformersAttnBlock
