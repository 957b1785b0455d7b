"""A tensor on the host that the steps fill in: the device keeps it until the loop is done, where nobody looks at it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from sdprof.device import simulate, to_host
from tests.fixes.source.workbench import Build, Cured, cure, module_of, same_bits

TEXT = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x):
        return self.layer(x)


@torch.no_grad()
def sample(net, x, steps, every):
    MADE
    for i in range(steps):
        x = x - 0.1 * net(x)
        if i % every == 0:
            FILL
    return x, frames


def build(device, steps, every=1, batch=2):
    net = Net().to(device)
    return net, lambda: sample(net, torch.randn(batch, 4, device=device), steps, every)
"""
ZEROS = "frames = torch.zeros((steps, *x.shape), dtype=torch.float64)"


def cured_loop(folder: Path, made: str, fill: str) -> tuple[Path, Cured]:
    path = folder / "loop.py"
    path.write_text(TEXT.replace("MADE", made).replace("FILL", fill))

    def load(texts: Mapping[str, str]) -> Build:
        build: Build = module_of(path, texts.get(str(path))).build
        return build

    return path, cure(load, 4, (folder,))


def ran(module: ModuleType, device: str, *given: int) -> Any:
    with simulate():
        torch.manual_seed(0)
        _, run = module.build(device, *given)
        torch.manual_seed(1)
        return to_host(run())


@pytest.mark.parametrize("made", [ZEROS, "frames = torch.zeros((steps, *x.shape)).half()"])
def test_the_device_keeps_what_the_steps_fill_in(made: str, tmp_path: Path) -> None:
    path, cured = cured_loop(tmp_path, made, "frames[i] = x")
    assert cured.same_bits
    assert cured.before.late > 0
    assert cured.after.late == 0
    (composed,) = cured.composed.values()
    assert "    frames = frames.cpu()\n    return x, frames\n" in composed.text
    for device in ("cuda", "cpu"):
        for given in ((4, 1, 2), (7, 3, 1), (0, 1, 2)):
            before, after = (ran(module_of(path, text), device, *given) for text in (path.read_text(), composed.text))
            assert same_bits(before, after), (device, given)


@pytest.mark.parametrize(
    ("made", "fill", "reason"),
    [
        (ZEROS, "frames[i] = x + frames[i - 1].to(x)", "does more with frames"),
        (ZEROS, "frames[i] += x.cpu()", "does more with frames"),
        ("frames = torch.rand((steps, *x.shape))", "frames[i] = x", "drawn on the host"),
        ("frames = torch.arange(steps * 8).reshape(steps, *x.shape) / 3", "frames[i] = x", "more than zeros"),
        ("frames = keep = torch.zeros((steps, *x.shape))", "frames[i] = x", "not made in the block"),
    ],
)
def test_what_the_host_looks_at_stays_there(made: str, fill: str, reason: str, tmp_path: Path) -> None:
    _, cured = cured_loop(tmp_path, made, fill)
    assert cured.same_bits
    assert not any(edit.fix == "collect-on-device" for edit in cured.applied)
    if fill == "frames[i] = x":
        assert any("collect-on-device" in each and reason in each for each in cured.stayed), cured.stayed
