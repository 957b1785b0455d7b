"""Colours of the report, as eyes without one kind of cone see them.

Matrices: Machado, Oliveira, Fernandes: A physiologically-based model for simulation of color vision deficiency (IEEE
TVCG 15, 2009), severity 1. Distances: CIE 1976 L*a*b*, where 2.3 is a just noticeable difference.
"""

import re
from functools import cache
from itertools import combinations

import numpy as np
import pytest

from sdprof.renderers.html.page import asset

VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
FAR_APART = 15.0
"""Six just noticeable differences."""
SIDE_BY_SIDE = (
    ("before", "after"),
    ("before", "control", "after"),
    ("after", "saved"),
    ("saved", "lost"),
    ("less3", "less1", "same", "more1", "more3"),
    ("flame-own", "flame-torch"),
    ("flame-own", "flame-other"),
)
"""Colours that stand for different things in one picture."""


@cache
def palette(dark: bool) -> dict[str, str]:
    """Custom properties of the style sheet that are colours."""
    light, _, night = asset("report.css").partition("@media (prefers-color-scheme: dark)")
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", light.partition("}")[0]))
    if dark:
        colours |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", night.partition("}")[0]))
    return colours


def lab(colour: str, vision: str) -> np.ndarray:
    """L*a*b* under D65 of an sRGB colour, as it is seen."""
    coded = np.array([int(colour[place : place + 2], 16) for place in (1, 3, 5)]) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.array(VISION[vision]) @ linear, 0, 1)
    to_xyz = [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
    ratio = np.array(to_xyz) @ seen / np.array([0.95047, 1.0, 1.08883])
    bent = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * bent[1] - 16, 500 * (bent[0] - bent[1]), 200 * (bent[1] - bent[2])])


def distance(one: str, other: str, vision: str) -> float:
    return float(np.linalg.norm(lab(one, vision) - lab(other, vision)))


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_that_stand_side_by_side_are_told_apart(vision: str, dark: bool) -> None:
    colours = palette(dark)
    near = {
        (one, other): round(distance(colours[one], colours[other], vision), 1)
        for group in SIDE_BY_SIDE
        for one, other in combinations(group, 2)
    }
    assert {pair: far for pair, far in near.items() if far < FAR_APART} == {}


def test_the_measure_is_the_one_that_is_published() -> None:
    assert lab("#ff0000", "normal") == pytest.approx([53.24, 80.09, 67.20], abs=0.02)
    assert distance("#ff0000", "#00a000", "normal") > 100 > 60 > distance("#ff0000", "#a08000", "protanopia")
