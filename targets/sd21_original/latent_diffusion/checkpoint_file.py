"""Load a published checkpoint, and say in one sentence what is wrong with another."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from latent_diffusion.sizes import Size
from latent_diffusion.text_encoder import TextEncoder, from_published, published_names

SHOWN = 3
SCHEDULE_TABLES = frozenset(
    {
        "alphas_cumprod",
        "alphas_cumprod_prev",
        "betas",
        "log_one_minus_alphas_cumprod",
        "posterior_log_variance_clipped",
        "posterior_mean_coef1",
        "posterior_mean_coef2",
        "posterior_variance",
        "scale_factor",
        "sqrt_alphas_cumprod",
        "sqrt_one_minus_alphas_cumprod",
        "sqrt_recip_alphas_cumprod",
        "sqrt_recipm1_alphas_cumprod",
    }
)
"""Computed here, not loaded."""
UNUSED_PREFIXES = ("model_ema.", "cond_stage_model.model.text_projection", "cond_stage_model.model.logit_scale")


class CheckpointError(ValueError):
    """The checkpoint does not fit: one sentence that says what is wrong."""


def read_checkpoint(file: Path) -> dict[str, torch.Tensor]:
    """Tensors by key, from .safetensors or from a pickled .ckpt that holds nothing but tensors.

    :raises CheckpointError: if the file cannot be read.
    """
    try:
        if file.suffix == ".safetensors":
            return load_file(file)
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except (OSError, RuntimeError, SafetensorError, pickle.UnpicklingError, EOFError) as error:
        raise CheckpointError(f"The checkpoint {file} cannot be read: {str(error).splitlines()[0]}.") from None
    content = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {key: value for key, value in content.items() if isinstance(value, torch.Tensor)}


def load_checkpoint(tensors: Mapping[str, torch.Tensor], model: nn.Module, text: TextEncoder, size: Size) -> None:
    """Put a checkpoint's tensors into the model and the text encoder.

    :raises CheckpointError: if keys are missing, unknown or misshapen; names the first few.
    """
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    own = text.state_dict()
    for theirs, ours in published_names(size.text).items():
        first = own[ours[0]].shape
        expected[theirs] = torch.Size((len(ours) * first[0], *first[1:]))
    found = {key: tensor for key, tensor in tensors.items() if not _is_unused(key, size)}
    _refuse("lacks", [key for key in expected if key not in found], "key")
    _refuse("has unknown", [key for key in found if key not in expected], "key")
    _refuse(
        "has misshapen",
        [
            f"{key} is {_shape(found[key].shape)} and should be {_shape(shape)}"
            for key, shape in expected.items()
            if found[key].shape != shape
        ],
        "tensor",
    )
    model.load_state_dict({key: found[key] for key in model.state_dict()})
    text.load_state_dict(from_published(found, size.text), strict=False)


def _is_unused(key: str, size: Size) -> bool:
    last_layer = f"cond_stage_model.model.transformer.resblocks.{size.text.layers - 1}."
    return key in SCHEDULE_TABLES or key.startswith((*UNUSED_PREFIXES, last_layer)) or key.endswith("attn_mask")


def _refuse(what: str, keys: list[str], kind: str) -> None:
    if keys:
        more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
        plural = "s" if len(keys) > 1 else ""
        raise CheckpointError(
            f"The checkpoint {what} {len(keys)} {kind}{plural}: {', '.join(keys[:SHOWN])}{more}. "
            "It must be a Stable Diffusion 2.1 checkpoint of this --size."
        )


def _shape(shape: torch.Size) -> str:
    return "×".join(map(str, shape))
