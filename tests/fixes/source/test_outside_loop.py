"""Copies that are repeated before the loop and behind it: cured by the same rewrites, in no count of the steps."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from tests.fixes.source.workbench import Cured, cure_file

FRAME = """
import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x, t):
        return self.conv(x) * (1 + t * 1e-3)


@torch.no_grad()
def text_to_image(net, x, alphas, steps):
    tables = {}
    for name, formula in (("root", np.sqrt), ("rest", lambda each: 1 - each)):
        tables[name] = formula(alphas.cpu().numpy())
    for i in range(steps):
        x = x - net(x, i) * float(tables["root"][i])
    images = torch.clamp((x + 1) / 2, 0, 1)
    pixels = []
<behind>
    return x, [torch.from_numpy(each) for each in pixels]


def build(device, steps):
    net = Net().to(device)
    alphas = torch.linspace(0.9, 0.1, steps).to(device)
    return net, lambda: text_to_image(net, torch.rand(2, 3, 4, 4, device=device), alphas, steps)
"""

ONE_BY_ONE = (
    "for image in images:\n    image = 255.0 * image.cpu().numpy().transpose(1, 2, 0)\n"
    "    pixels.append(image.astype(np.uint8))",
    "for i, image in enumerate(images):\n    pixels.append((image * 255).cpu().numpy())",
    "pixels += [image.cpu().numpy() for image in images]",
    "for i in range(len(images)):\n    pixels.append(images[i].cpu().numpy())",
)
IN_VAIN = (
    "for image in images:\n    image = image - image.mean()\n    pixels.append(image.cpu().numpy())",
    "for i in range(len(images)):\n    images[i] *= 2\n    pixels.append(images[i].cpu().numpy())",
)


def cured(behind: str, folder: Path) -> Cured:
    file = folder / "loop.py"
    file.write_text(FRAME.replace("<behind>", textwrap.indent(behind, "    ")), encoding="utf-8")
    return cure_file(file)


@pytest.mark.parametrize("behind", ONE_BY_ONE)
def test_images_and_tables_are_copied_at_once(behind: str, tmp_path: Path) -> None:
    result = cured(behind, tmp_path)
    assert {site.scope for site in result.before.outside} == {"setup", "results"}
    assert result.same_bits
    assert not result.after.outside, result.stayed
    assert not result.before.counts
    assert not result.after.counts


@pytest.mark.parametrize("behind", IN_VAIN)
def test_what_each_image_needs_on_the_device_stays_there(behind: str, tmp_path: Path) -> None:
    result = cured(behind, tmp_path)
    assert result.same_bits
    assert [site.scope for site in result.after.outside] == ["results"]
