"""The article's attention: ``torch.nn.MultiheadAttention`` with the published weights."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from latent_diffusion.attention import CrossAttention
from torch import nn

Tensors = Mapping[str, torch.Tensor]
PROJECTIONS = ("q", "k", "v")


class MultiheadCrossAttention(nn.Module):
    """Stands where a ``CrossAttention`` was."""

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        self.attention = attention

    def forward(self, tokens: torch.Tensor, context: torch.Tensor | None = None) -> torch.Tensor:
        """(B, N, width), (B, M, context_width) → (B, N, width)."""
        source = tokens if context is None else context
        return self.attention(tokens, source, source, need_weights=False)[0]


def to_multihead(published: CrossAttention) -> MultiheadCrossAttention:
    """The same attention as one of PyTorch's modules, on the same values.

    :raises ValueError: if the heads together are not as wide as the tokens, which PyTorch's module cannot express.
    """
    width, inner_width = published.to_q.in_features, published.to_q.out_features
    if width != inner_width:
        raise ValueError(f"nn.MultiheadAttention has heads as wide as its tokens, not {inner_width} over {width}.")
    context_width = published.to_k.in_features
    with torch.device("meta"):
        attention = nn.MultiheadAttention(
            width, published.heads, bias=True, kdim=context_width, vdim=context_width, batch_first=True
        )
    attention.load_state_dict(multihead_tensors(published.state_dict()), assign=True)
    return MultiheadCrossAttention(attention).train(published.training)


def multihead_tensors(published: Tensors) -> dict[str, torch.Tensor]:
    """``to_q``, ``to_k``, ``to_v``, ``to_out`` → the tensors of ``nn.MultiheadAttention``. Exact.

    Where keys and values come from something as wide as the queries, PyTorch keeps the three weights stacked. Its
    projections have a bias as soon as the output has; the published ones have none, so it is zero.
    """
    weights = [published[f"to_{name}.weight"] for name in PROJECTIONS]
    if all(weight.shape == weights[0].shape for weight in weights):
        converted = {"in_proj_weight": torch.cat(weights)}
    else:
        converted = {f"{name}_proj_weight": weight for name, weight in zip(PROJECTIONS, weights, strict=True)}
    return {
        **converted,
        "in_proj_bias": weights[0].new_zeros(3 * weights[0].shape[0]),
        "out_proj.weight": published["to_out.0.weight"],
        "out_proj.bias": published["to_out.0.bias"],
    }


def published_tensors(multihead: Tensors) -> dict[str, torch.Tensor]:
    """The way back. Exact.

    :raises ValueError: if the projections have a bias, which the published attention has no place for.
    """
    if multihead["in_proj_bias"].any():
        raise ValueError("The projections have a bias that is not zero: the published attention has none.")
    if "in_proj_weight" in multihead:
        weights = multihead["in_proj_weight"].chunk(3)
    else:
        weights = tuple(multihead[f"{name}_proj_weight"] for name in PROJECTIONS)
    return {
        **{f"to_{name}.weight": weight for name, weight in zip(PROJECTIONS, weights, strict=True)},
        "to_out.0.weight": multihead["out_proj.weight"],
        "to_out.0.bias": multihead["out_proj.bias"],
    }
