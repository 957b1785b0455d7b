"""What a run may be asked for, what it chooses by itself, and what it refuses."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from math import isfinite
from typing import TypeVar

import torch

from latent_diffusion.sizes import FULL_ON_CPU_IMAGE_SIZE, FULL_ON_CPU_STEPS, LATENT_FACTOR, SIZES
from sdprof import BuildOptions

DTYPES = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
DEVICES = ("cpu", "cuda")
MOST_STEPS = 1000
CHOICES = {
    "sampler": ("plms", "ddim", "dpm-solver"),
    "parameterization": ("eps", "v"),
    "run": ("sampling", "script"),
    "decode": ("0", "1"),
    "xformers": ("0", "1"),
}
"""The settings of ``--set`` that take one of a few words; the first is the default."""


@dataclass(frozen=True, kw_only=True)
class LoopSettings:
    """What ``--set NAME=VALUE`` may say."""

    sampler: str = "plms"
    parameterization: str = "eps"
    """What the checkpoint was trained to predict: the noise, or the velocity."""
    run: str = "sampling"
    """``sampling`` measures the loop over the latents, ``script`` everything from the prompt to the images."""
    decode: bool = False
    """Whether a run decodes its latents, too."""
    prompt: str = "A photo"
    scale: float = 9.0
    """Of the guidance; the published script's default."""
    n_iter: int = 1
    """Batches that the script makes."""
    xformers: bool = False
    """Whether xFormers computes attention, as it does in the published code wherever it is installed."""


Settings = TypeVar("Settings")


def read_loop_settings(extra: Mapping[str, str]) -> LoopSettings:
    """Read ``--set``.

    :raises ValueError: for a name or a value that is not known.
    """
    return read_settings(extra, LoopSettings, CHOICES)


def read_settings(extra: Mapping[str, str], settings: type[Settings], choices: Mapping[str, Sequence[str]]) -> Settings:
    """Read ``--set`` into a dataclass of strings, floats, flags (0 or 1) and counts.

    :param choices: the words that a setting may be, for those that are limited to a few.
    :raises ValueError: for a name or a value that is not known.
    """
    kinds = {field.name: field.type for field in dataclasses.fields(settings)}
    read: dict[str, str | bool | float | int] = {}
    for name, value in extra.items():
        if name not in kinds:
            raise ValueError(f"There is no setting {name!r}: --set takes {', '.join(sorted(kinds))}.")
        if name in choices and value not in choices[name]:
            raise ValueError(f"--set {name}={value} is none of {', '.join(choices[name])}.")
        read[name] = _READ[kinds[name]](value, name)
    return settings(**read)


def resolve(options: BuildOptions) -> BuildOptions:
    """Choose whatever was left open, by size and device.

    :raises ValueError: for values that the model cannot work with.
    """
    on_cuda = _device_type(options.device) == "cuda"
    size = options.size or ("full" if on_cuda else "small")
    if size not in SIZES:
        raise ValueError(f"There is no size {size!r}: choose from {', '.join(SIZES)}.")
    full_on_cpu = size == "full" and not on_cuda
    image_size = FULL_ON_CPU_IMAGE_SIZE if full_on_cpu else SIZES[size].image_size
    chosen = {
        "size": size,
        "steps": FULL_ON_CPU_STEPS if full_on_cpu else SIZES[size].steps,
        "batch_size": 1,
        "height": image_size,
        "width": image_size,
        "dtype": "float16" if on_cuda else "float32",
    }
    asked = {name: getattr(options, name) for name in chosen if getattr(options, name) is not None}
    resolved = dataclasses.replace(options, **(chosen | asked))
    _refuse_what_cannot_work(resolved)
    return resolved


def refuse_absent_device(name: str) -> None:
    """Say so where this machine, or this build of PyTorch, has no such device.

    :raises ValueError: if it is absent.
    """
    if _device_type(name) == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"PyTorch sees no CUDA device here for --device {name}: say --device cpu.")


def precision(options: BuildOptions) -> AbstractContextManager[None]:
    """Autocast, as the published script computes; nothing for float32."""
    if options.dtype == "float32":
        return contextlib.nullcontext()
    return torch.autocast(_device_type(options.device), dtype=DTYPES[options.dtype])


def _refuse_what_cannot_work(options: BuildOptions) -> None:
    if options.dtype not in DTYPES:
        raise ValueError(f"There is no dtype {options.dtype!r}: choose from {', '.join(DTYPES)}.")
    if not 1 <= options.steps <= MOST_STEPS:
        raise ValueError(f"The number of steps must be from 1 to {MOST_STEPS}, not {options.steps}.")
    if options.batch_size < 1:
        raise ValueError(f"The batch size must be 1 or more, not {options.batch_size}.")
    multiple = LATENT_FACTOR * 2 ** (len(SIZES[options.size].unet.channel_mult) - 1)
    for name in ("height", "width"):
        pixels = getattr(options, name)
        if pixels < multiple or pixels % multiple:
            raise ValueError(f"The {name} must be a multiple of {multiple} pixels at this size, not {pixels}.")


def _device_type(name: str) -> str:
    kind = name.partition(":")[0]
    if kind not in DEVICES:
        raise ValueError(f"There is no device {name!r}: choose from {', '.join(DEVICES)}.")
    return kind


def _number(text: str, name: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise ValueError(f"--set {name}={text} is not a number.")
    return value


def _count(text: str, name: str) -> int:
    if not (text.isdecimal() and int(text) > 0):
        raise ValueError(f"--set {name}={text} is not a whole number from 1 up.")
    return int(text)


_READ = {"str": lambda text, _name: text, "bool": lambda text, _name: text == "1", "float": _number, "int": _count}
"""By the annotation of the field."""
