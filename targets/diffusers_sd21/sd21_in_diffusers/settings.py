"""What ``--set`` may say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from latent_diffusion.run_settings import read_settings

from sd21_in_diffusers.schedulers import SCHEDULERS

CHOICES = {
    "task": ("text-to-image", "image-to-image", "inpainting"),
    "sampler": tuple(SCHEDULERS),
    "parameterization": ("eps", "v"),
    "attention": ("fused", "plain"),
    "decode": ("0", "1"),
}


@dataclass(frozen=True, kw_only=True)
class PipelineSettings:
    """Which of diffusers' pipelines runs, and how."""

    task: str = "text-to-image"
    sampler: str = "pndm"
    parameterization: str = "eps"
    """What the checkpoint was trained to predict: the noise, or the velocity."""
    attention: str = "fused"
    """``fused`` is diffusers' default, ``plain`` what it did before PyTorch 2: product, softmax, product."""
    decode: bool = False
    """Whether a run decodes its latents, too."""
    prompt: str = "A photo"
    scale: float = 9.0
    """Of the guidance."""
    strength: float = 0.8
    """How much of the way image to image goes: it begins that far from the image."""


def read_pipeline_settings(extra: Mapping[str, str]) -> PipelineSettings:
    """Read ``--set``.

    :raises ValueError: for a name or a value that is not known.
    """
    settings = read_settings(extra, PipelineSettings, CHOICES)
    if not 0 < settings.strength <= 1:
        raise ValueError(f"--set strength={settings.strength:g} is not above 0 and at most 1.")
    return settings
