"""Outputs as small pictures: the baseline's, the chosen variant's, and where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from sdprof.model import OutputPicture
from sdprof.run_folder import RunFolder
from sdprof.stages.measure import outputs_file
from sdprof.stages.png import data_uri

MOST_PICTURES = 2
LARGEST_SIDE = 160
"""Pixels: three pictures of noise this large take 0.3 MB, and noise is what random weights paint."""
SMALLEST_SIDE = 4
LONGEST_SHAPE = 4
"""Sides of a picture are not further apart; those of a text's embedding (77 × 1024) are."""
LATENT_CHANNELS = (4, 16)
"""Of Stable Diffusion 1, 2 and XL; of Stable Diffusion 3 and FLUX."""
TAILS = (1.0, 99.0)
"""Percentiles of the baseline that become black and white."""

Picture = NDArray[np.float64]


@dataclass(frozen=True)
class Sight:
    """One sample of an output as channels of a picture."""

    kind: Literal["image", "latents"]
    before: Picture
    """(C, H, W) in the output's own units; so is ``after``."""
    after: Picture


def output_pictures(
    before: Mapping[str, NDArray[np.generic]], after: Mapping[str, NDArray[np.generic]]
) -> tuple[OutputPicture, ...]:
    """Pictures of the first outputs that have the shape of one: (…, C, H, W) or (…, H, W, C)."""
    pictures: list[OutputPicture] = []
    for name, output in before.items():
        sight = _sight(output, after[name]) if name in after and after[name].shape == output.shape else None
        if sight is not None and len(pictures) < MOST_PICTURES:
            pictures.append(_picture(name, output.shape, sight))
    return tuple(pictures)


def _sight(before: NDArray[np.generic], after: NDArray[np.generic]) -> Sight | None:
    if before.ndim < 3 or before.dtype.kind not in "uif" or not before.size:
        return None
    first, second = (array.reshape(-1, *array.shape[-3:])[0] for array in (before, after))
    if first.shape[-1] in (1, 3) and min(first.shape[:2]) >= SMALLEST_SIDE:
        first, second = (array.transpose(2, 0, 1) for array in (first, second))
    channels, *sides = first.shape
    if min(sides) < SMALLEST_SIDE or max(sides) > LONGEST_SHAPE * min(sides):
        return None
    if channels not in (1, 3, *LATENT_CHANNELS):
        return None
    floats = first.astype(np.float64), second.astype(np.float64)
    if not all(np.isfinite(array).all() for array in floats):
        return None
    return Sight("latents" if channels in LATENT_CHANNELS else "image", *floats)


def _picture(name: str, shape: tuple[int, ...], sight: Sight) -> OutputPicture:
    low, high, scaling = _range(sight)
    difference = np.abs(sight.after - sight.before).max(axis=0)
    largest = float(difference.max())
    sample = "the first sample, " if len(shape) > 3 and np.prod(shape[:-3]) > 1 else ""
    count = len(sight.before)
    channels = f"the first 3 of {count} channels as red, green and blue, " if sight.kind == "latents" else ""
    height, width = sight.before.shape[1:]
    factor = -(-max(height, width) // LARGEST_SIDE)
    size = f", one pixel for {factor} × {factor}" if factor > 1 else ""
    sentence = f"{sample}{channels}{scaling}{size}."
    return OutputPicture(
        name=name,
        shape=tuple(int(side) for side in shape),
        kind=sight.kind,
        before_png=data_uri(_pixels(sight.before, low, high, factor)),
        after_png=data_uri(_pixels(sight.after, low, high, factor)),
        difference_png=data_uri(_largest(difference, factor, largest)),
        max_abs_diff=largest,
        shown=sentence[:1].upper() + sentence[1:],
    )


def _range(sight: Sight) -> tuple[float, float, str]:
    """The values that become black and white, and how to say so."""
    lowest, highest = float(sight.before.min()), float(sight.before.max())
    if sight.kind == "image":
        for low, high in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)):
            if low <= lowest and highest <= high:
                return low, high, f"values from {low:g} to {high:g}"
    low, high = (float(value) for value in np.percentile(sight.before, TAILS))
    high = high if high > low else low + 1.0
    return low, high, f"values from the 1st to the 99th percentile ({low:.3g} to {high:.3g})"


def _pixels(channels: Picture, low: float, high: float, factor: int) -> NDArray[np.uint8]:
    scaled = np.clip((_blocks(channels[:3], factor).mean(axis=(2, 4)) - low) / (high - low), 0, 1) * 255
    grey_or_rgb = scaled[0] if len(scaled) == 1 else scaled.transpose(1, 2, 0)
    return _bytes(grey_or_rgb)


def _largest(difference: Picture, factor: int, largest: float) -> NDArray[np.uint8]:
    peaks = _blocks(difference[None], factor).max(axis=(2, 4))[0]
    return _bytes(peaks / largest * 255 if largest > 0 else peaks)


def _bytes(values: Picture) -> NDArray[np.uint8]:
    pixels: NDArray[np.uint8] = np.rint(values).astype(np.uint8)
    return pixels


def _blocks(channels: Picture, factor: int) -> Picture:
    """(C, H, W) as (C, H / factor, factor, W / factor, factor); a rest at the lower and right edge is cut off."""
    count, height, width = channels.shape
    rows, columns = height // factor, width // factor
    cut = channels[:, : rows * factor, : columns * factor]
    return cut.reshape(count, rows, factor, columns, factor)


def read_output_pictures(folder: RunFolder, baseline: str, chosen: str | None) -> tuple[OutputPicture, ...]:
    """Pictures of the outputs that the two variants left in the run folder; none where nothing was chosen."""
    files = [outputs_file(folder, variant) for variant in (baseline, chosen) if variant is not None]
    if len(files) < 2 or not all(file.is_file() for file in files):
        return ()
    return output_pictures(load_file(files[0]), load_file(files[1]))
