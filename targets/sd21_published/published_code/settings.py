"""What ``--set`` may say."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass

from latent_diffusion.run_settings import read_settings

SAMPLERS = {
    "plms": ("ldm.models.diffusion.plms", "PLMSSampler"),
    "ddim": ("ldm.models.diffusion.ddim", "DDIMSampler"),
    "dpm-solver": ("ldm.models.diffusion.dpm_solver", "DPMSolverSampler"),
}
"""Module and class of each."""
CHOICES = {
    "sampler": tuple(SAMPLERS),
    "parameterization": ("eps", "v"),
    "decode": ("0", "1"),
    "xformers": ("0", "1"),
}


@dataclass(frozen=True, kw_only=True)
class PublishedSettings:
    """What ``--set`` may say."""

    sampler: str = "plms"
    parameterization: str = "eps"
    decode: bool = False
    """Whether a run decodes its latents, too."""
    prompt: str = "A photo"
    scale: float = 9.0
    xformers: bool = False
    """Whether the published code may find xFormers, and so use it."""


def read_published_settings(extra: Mapping[str, str]) -> PublishedSettings:
    """Read ``--set``.

    :raises ValueError: for a name or a value that is not known, and for what cannot work.
    """
    settings = read_settings(extra, PublishedSettings, CHOICES)
    if settings.sampler == "plms" and settings.parameterization == "v":
        raise ValueError("The published PLMS would treat a velocity as noise: say --set sampler=ddim.")
    if settings.xformers and importlib.util.find_spec("xformers") is None:
        raise ValueError("xFormers is not installed: pip install 'sdprof[xformers]', or leave --set xformers away.")
    return settings
