"""Noise of the host's generator: the same numbers, sent for several steps at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixes.source.workbench import Cured, cure_file

LOOP = """
import torch
from torch import nn


def noise_like(x, generator):
    noise = torch.randn(x.shape, generator=generator, dtype=x.dtype)
    noise = noise.to(x.device)
    return noise


def build(device, steps):
    net = nn.Conv2d(3, 3, 3, padding=1).to(device)

    def run(seed=3):
        generator = torch.Generator().manual_seed(seed)
        x = torch.randn((2, 3, 8, 8), generator=generator).to(device)
        with torch.no_grad():
            for i in range(steps):
                x = x - net(x) / steps + torch.randn_like(x, device="cpu").to(x)
                x = x + noise_like(x, generator)
        return x

    return net, run
"""


def cured(folder: Path, old: str = "", new: str = "") -> tuple[Cured, str]:
    file = folder / "loop.py"
    assert old in LOOP
    file.write_text(LOOP.replace(old, new) if old else LOOP)
    found = cure_file(file)
    assert found.same_bits
    return found, "".join(each.text for each in found.composed.values())


def test_what_two_generators_draw_is_sent_once(tmp_path: Path) -> None:
    found, text = cured(tmp_path)
    assert found.before.counts["H2D"] == 4 * 2
    assert found.after.counts["H2D"] == 2
    assert '_sent_ahead(torch.randn_like, x, device="cpu", to=(x.device, x.dtype))' in text
    assert "    noise = _sent_ahead(torch.randn, x.shape, generator=generator, dtype=x.dtype, to=(x.device,))" in text
    assert "noise = torch.randn(x.shape" not in text


def test_another_seed_and_another_run_draw_their_own(tmp_path: Path) -> None:
    file = tmp_path / "loop.py"
    file.write_text(LOOP)
    assert cure_file(file).same_bits
    found, _ = cured(tmp_path, "manual_seed(seed)", "manual_seed(seed + torch.randint(9, ()).item())")
    assert found.after.counts["H2D"] == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    noise = noise.to(x.device)", "    kept.append(noise)\n    noise = noise.to(x.device)"),
        ("    noise = noise.to(x.device)", "    noise = (2 * noise).to(x.device)"),
        ("dtype=x.dtype)\n", "dtype=x.dtype, out=torch.empty(x.shape))\n"),
    ],
)
def test_what_is_more_than_a_draw_stays(tmp_path: Path, old: str, new: str) -> None:
    file = tmp_path / "loop.py"
    assert old in LOOP
    file.write_text("kept = []\n" + LOOP.replace(old, new))
    found = cure_file(file)
    assert found.same_bits
    assert found.after.counts["H2D"] == 4 + 1
