"""Load a published checkpoint, and say in one sentence what is wrong with another."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from latent_diffusion.sizes import Size
from latent_diffusion.text_encoder import TextEncoder, from_published, published_names, unused_names

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
RUNNING_MEAN = "model_ema."
"""A second copy of the UNet, averaged over the training."""


class CheckpointError(ValueError):
    """The checkpoint does not fit: one sentence that says what is wrong."""


def read_checkpoint(file: Path) -> dict[str, torch.Tensor]:
    """Tensors by key, from .safetensors or from a pickled .ckpt that holds nothing but tensors and plain values.

    :raises CheckpointError: if the file cannot be read.
    """
    if not file.is_file():
        raise CheckpointError(f"There is no checkpoint file {file}: --weights takes a .safetensors or .ckpt file.")
    if file.suffix == ".safetensors":
        return _read_safetensors(file)
    if not _is_zip(file):
        raise CheckpointError(
            f"The checkpoint {file} cannot be read: it is neither .safetensors nor a complete file of torch.save "
            "(of PyTorch 1.6 or later). Download it again, or convert it to .safetensors."
        )
    return _read_pickled(file)


def _is_zip(file: Path) -> bool:
    try:
        return zipfile.is_zipfile(file)
    except zipfile.BadZipFile:  # raised where a damaged file claims to be one of several disks
        return False


def _read_safetensors(file: Path) -> dict[str, torch.Tensor]:
    try:
        return load_file(file)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(
            f"The checkpoint {file} cannot be read: it is damaged or no .safetensors file ({_first_line(error)}). "
            "Download it again."
        ) from None


def _read_pickled(file: Path) -> dict[str, torch.Tensor]:
    try:
        content = torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"The checkpoint {file} cannot be read: it is damaged, or holds Python objects that could run code. "
            "Convert it to .safetensors where it was made."
        ) from None
    except Exception as error:  # noqa: BLE001  a damaged pickle raises whatever its opcodes stumble over
        raise CheckpointError(
            f"The checkpoint {file} cannot be read: it is damaged ({_first_line(error)}). Download it again."
        ) from None
    if isinstance(content, dict):
        content = content.get("state_dict", content)
    if not isinstance(content, dict):
        raise CheckpointError(
            f"The checkpoint {file} cannot be used: it holds a {type(content).__name__} instead of tensors by name."
        )
    return {str(key): value for key, value in content.items() if isinstance(value, torch.Tensor)}


def load_checkpoint(tensors: Mapping[str, torch.Tensor], model: nn.Module, text: TextEncoder, size: Size) -> None:
    """Put a checkpoint's tensors into the model and the text encoder.

    :raises CheckpointError: if keys are missing, unknown or misshapen; names the first few.
    """
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    own = text.state_dict()
    for theirs, ours in published_names(size.text).items():
        first = own[ours[0]].shape
        expected[theirs] = torch.Size((len(ours) * first[0], *first[1:]))
    ignored = SCHEDULE_TABLES | unused_names(size.text)
    found = {key: tensor for key, tensor in tensors.items() if key not in ignored and not key.startswith(RUNNING_MEAN)}
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
    _refuse("has non-floating", [key for key in expected if not found[key].is_floating_point()], "tensor")
    model.load_state_dict({key: found[key] for key in model.state_dict()})
    text.load_state_dict(from_published(found, size.text), strict=False)


def _refuse(what: str, keys: list[str], kind: str) -> None:
    if keys:
        more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
        plural = "s" if len(keys) > 1 else ""
        raise CheckpointError(
            f"The checkpoint {what} {len(keys)} {kind}{plural}: {', '.join(keys[:SHOWN])}{more}. "
            "It must be a Stable Diffusion 2.1 checkpoint of this --size."
        )


def _shape(shape: torch.Size) -> str:
    return "×".join(map(str, shape)) or "a single number"


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
