"""The prompt's embedding: OpenCLIP's text tower, computed by transformers' CLIP text model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

import torch
from torch import nn

from latent_diffusion.sizes import TextShape

if TYPE_CHECKING:
    from instant_clip_tokenizer import Tokenizer

TOKENS = 77
VOCABULARY = 49408
PREFIX = "cond_stage_model.model."


class TextEncoder(nn.Module):
    """The penultimate layer's states, through the final norm: what Stable Diffusion 2 was trained with."""

    def __init__(self, shape: TextShape) -> None:
        super().__init__()
        from transformers import CLIPTextConfig, CLIPTextModel

        config = CLIPTextConfig(
            vocab_size=VOCABULARY,
            hidden_size=shape.width,
            intermediate_size=4 * shape.width,
            projection_dim=shape.width,
            num_hidden_layers=shape.layers - 1,  # the last layer of the tower is never used
            num_attention_heads=shape.heads,
            max_position_embeddings=TOKENS,
            hidden_act="gelu",
        )
        model = CLIPTextModel(config)
        # Before its version 5, transformers had the tower one module further in.
        self.transformer = getattr(model, "text_model", model)

    def number_positions(self) -> None:
        """Fill the one buffer, which no checkpoint holds: needed where the module was made without memory."""
        for name, buffer in self.transformer.named_buffers():
            if not name.endswith("position_ids"):
                raise RuntimeError(f"transformers' CLIP text model has a buffer {name} that is not known here")
            buffer.copy_(torch.arange(TOKENS).expand(buffer.shape))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, 77) token ids → (B, 77, width)."""
        return self.transformer(input_ids=tokens).last_hidden_state


def tokenize(prompts: list[str]) -> torch.Tensor:
    """Token ids by CLIP's vocabulary, start and end marked, padded with zeros as OpenCLIP does: (B, 77)."""
    return torch.from_numpy(_tokenizer().tokenize_batch(prompts, context_length=TOKENS).astype("int64"))


@cache
def _tokenizer() -> Tokenizer:
    """Made once a process, as OpenCLIP does: reading the vocabulary takes longer than a tiny model's run."""
    from instant_clip_tokenizer import Tokenizer

    return Tokenizer()


def published_names(shape: TextShape) -> dict[str, list[str]]:
    """The published key for each key of ours; several of ours where the published tensor holds them stacked."""
    names = {
        "token_embedding.weight": ["embeddings.token_embedding.weight"],
        "positional_embedding": ["embeddings.position_embedding.weight"],
    }
    for layer in range(shape.layers - 1):
        theirs, ours = f"transformer.resblocks.{layer}.", f"encoder.layers.{layer}."
        for kind in ("weight", "bias"):
            names[f"{theirs}ln_1.{kind}"] = [f"{ours}layer_norm1.{kind}"]
            names[f"{theirs}ln_2.{kind}"] = [f"{ours}layer_norm2.{kind}"]
            names[f"{theirs}attn.in_proj_{kind}"] = [f"{ours}self_attn.{part}_proj.{kind}" for part in "qkv"]
            names[f"{theirs}attn.out_proj.{kind}"] = [f"{ours}self_attn.out_proj.{kind}"]
            names[f"{theirs}mlp.c_fc.{kind}"] = [f"{ours}mlp.fc1.{kind}"]
            names[f"{theirs}mlp.c_proj.{kind}"] = [f"{ours}mlp.fc2.{kind}"]
    names["ln_final.weight"] = ["final_layer_norm.weight"]
    names["ln_final.bias"] = ["final_layer_norm.bias"]
    return {PREFIX + theirs: [f"transformer.{our}" for our in ours] for theirs, ours in names.items()}


def unused_names(shape: TextShape) -> frozenset[str]:
    """Published keys that are in a checkpoint and not used: Stable Diffusion 2 reads the layer before the last."""
    last = f"transformer.resblocks.{shape.layers - 1}."
    parts = ("ln_1.{}", "ln_2.{}", "attn.in_proj_{}", "attn.out_proj.{}", "mlp.c_fc.{}", "mlp.c_proj.{}")
    in_last_layer = [last + part.format(kind) for part in parts for kind in ("weight", "bias")]
    return frozenset(PREFIX + name for name in (*in_last_layer, "text_projection", "logit_scale", "attn_mask"))


def from_published(tensors: Mapping[str, torch.Tensor], shape: TextShape) -> dict[str, torch.Tensor]:
    """State dict of the ``TextEncoder`` from the published tensors; stacked projections are taken apart."""
    state = {}
    for theirs, ours in published_names(shape).items():
        for name, part in zip(ours, tensors[theirs].chunk(len(ours)), strict=True):
            state[name] = part
    return state
