"""What ``--set`` may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from latent_diffusion.run_settings import read_settings

CHOICES = {"attention": ("published", "sdpa"), "checkpointing": ("0", "1")}


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How a step is computed."""

    attention: str = "published"
    """``published``: written out. ``sdpa``: by scaled_dot_product_attention."""
    checkpointing: bool = True
    """Whether blocks forget their activations and compute them again in the backward pass, as published."""
    prompt: str = "A photo"


def read_training_settings(extra: Mapping[str, str]) -> TrainingSettings:
    """Read ``--set``.

    :raises ValueError: for a name or a value that is not known.
    """
    return read_settings(extra, TrainingSettings, CHOICES)
