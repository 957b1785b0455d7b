"""Attention over pixels and over the prompt: the transformer blocks of the UNet."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import nn

from latent_diffusion.checkpointing import checkpoint


def split_heads(tokens: torch.Tensor, heads: int) -> torch.Tensor:
    """(B, N, heads · D) → (B · heads, N, D)."""
    return rearrange(tokens, "batch token (head channel) -> (batch head) token channel", head=heads)


def merge_heads(tokens: torch.Tensor, heads: int) -> torch.Tensor:
    """(B · heads, N, D) → (B, N, heads · D)."""
    return rearrange(tokens, "(batch head) token channel -> batch token (head channel)", head=heads)


class GEGLU(nn.Module):
    """A linear layer whose one half gates the other through a GELU: Shazeer, arXiv 2002.05202."""

    def __init__(self, width: int, inner_width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(width, 2 * inner_width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, N, width) → (B, N, inner_width)."""
        value, gate = torch.chunk(self.proj(tokens), 2, dim=-1)
        return F.gelu(gate) * value


class FeedForward(nn.Module):
    """Gated, four times as wide inside."""

    def __init__(self, width: int) -> None:
        super().__init__()
        inner_width = 4 * width
        self.net = nn.Sequential(GEGLU(width, inner_width), nn.Dropout(0.0), nn.Linear(inner_width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, N, width) → (B, N, width)."""
        return self.net(tokens)


class CrossAttention(nn.Module):
    """Attention of tokens to a context, or to each other where there is none."""

    def __init__(self, width: int, context_width: int, heads: int, head_channels: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = 1.0 / math.sqrt(head_channels)
        inner_width = heads * head_channels
        self.to_q = nn.Linear(width, inner_width, bias=False)
        self.to_k = nn.Linear(context_width, inner_width, bias=False)
        self.to_v = nn.Linear(context_width, inner_width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(inner_width, width), nn.Dropout(0.0))

    def forward(self, tokens: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        """(B, N, width), (B, M, context_width) → (B, N, width)."""
        source = tokens if context is None else context
        projected = (self.to_q(tokens), self.to_k(source), self.to_v(source))
        query, key, value = (split_heads(part, self.heads) for part in projected)
        with torch.autocast("cuda", enabled=False):
            # In float16 the products of SD 2.1's queries and keys overflow.
            scores = torch.einsum("hqc,hkc->hqk", query.float(), key.float()) * self.scale
        weights = scores.softmax(dim=-1)
        mixed = torch.einsum("hqk,hkc->hqc", weights, value)
        return self.to_out(merge_heads(mixed, self.heads))


class BasicTransformerBlock(nn.Module):
    """Attention over the pixels, attention to the prompt, feed-forward."""

    def __init__(self, width: int, heads: int, head_channels: int, context_width: int) -> None:
        super().__init__()
        self.attn1 = CrossAttention(width, width, heads, head_channels)
        self.ff = FeedForward(width)
        self.attn2 = CrossAttention(width, context_width, heads, head_channels)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.checkpoint = True

    def forward(self, tokens: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """(B, N, width), (B, M, context_width) → (B, N, width)."""
        return checkpoint(self.transform, (tokens, context), self.parameters(), self.checkpoint)

    def transform(self, tokens: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """What ``forward`` computes."""
        tokens = self.attn1(self.norm1(tokens)) + tokens
        tokens = self.attn2(self.norm2(tokens), context) + tokens
        return self.ff(self.norm3(tokens)) + tokens


class SpatialTransformer(nn.Module):
    """Pixels become tokens, pass through a transformer block, and become pixels again."""

    def __init__(self, channels: int, heads: int, head_channels: int, context_width: int) -> None:
        super().__init__()
        width = heads * head_channels
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.proj_in = nn.Linear(channels, width)
        self.transformer_blocks = nn.ModuleList([BasicTransformerBlock(width, heads, head_channels, context_width)])
        self.proj_out = nn.Linear(width, channels)

    def forward(self, pixels: torch.Tensor, context: torch.Tensor | list[torch.Tensor]) -> torch.Tensor:
        """(B, C, H, W), (B, M, context_width) or one of these for each block → (B, C, H, W)."""
        contexts = context if isinstance(context, list) else [context]
        height = pixels.shape[2]
        tokens = rearrange(self.norm(pixels), "batch channel row column -> batch (row column) channel").contiguous()
        tokens = self.proj_in(tokens)
        for block, block_context in zip(self.transformer_blocks, contexts, strict=True):
            tokens = block(tokens, block_context)
        change = rearrange(
            self.proj_out(tokens), "batch (row column) channel -> batch channel row column", row=height
        ).contiguous()
        return change + pixels
