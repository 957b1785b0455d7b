"""Noise of the host's generator: the same numbers, sent for several steps at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixes.source.workbench import cure_text

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


def replaced(old: str, new: str) -> str:
    assert old in LOOP
    return LOOP.replace(old, new)


def test_what_two_generators_draw_is_sent_once(tmp_path: Path) -> None:
    found, text = cure_text(tmp_path, LOOP)
    assert found.before.counts["H2D"] == 4 * 2
    assert found.after.counts["H2D"] == 2
    assert '_sent_ahead(torch.randn_like, x, device="cpu", to=(x.device, x.dtype))' in text
    assert "    noise = _sent_ahead(torch.randn, x.shape, generator=generator, dtype=x.dtype, to=(x.device,))" in text
    assert "noise = torch.randn(x.shape" not in text


def test_where_the_loop_seeds_anew_each_step_draws_its_own(tmp_path: Path) -> None:
    seeded = "generator.manual_seed(seed + i)\n                x = x + noise_like(x, generator)"
    found, text = cure_text(tmp_path, replaced("x = x + noise_like(x, generator)", seeded))
    assert found.after.counts["H2D"] == 4 + 1
    assert "_sent_ahead(torch.randn_like, x" in text
    assert "_sent_ahead(torch.randn, x" not in text


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    noise = noise.to(x.device)", "    kept.append(noise)\n    noise = noise.to(x.device)"),
        ("    noise = noise.to(x.device)", "    noise = (2 * noise).to(x.device)"),
        ("dtype=x.dtype)\n", "dtype=x.dtype, out=torch.empty(x.shape))\n"),
    ],
)
def test_what_is_more_than_a_draw_stays(tmp_path: Path, old: str, new: str) -> None:
    found, _ = cure_text(tmp_path, "kept = []\n" + replaced(old, new))
    assert found.after.counts["H2D"] == 4 + 1
