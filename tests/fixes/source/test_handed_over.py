"""A number that the loop knows is handed to a function of another file that asks the device for it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fixes.source.workbench import Build, Cured, cure, served

STEPPING = """
import torch

def step(x, noise, t, t_next, rate=0.1):
    if t_next.sum() == -t_next.shape[0]:
        return x - rate * noise
    scale = 0.5 if t[0] > 2 else 1.0
    return scale * (x - rate * noise) + 0.01 * torch.randn_like(x)
"""
LOOPING = """
import torch
from torch import nn
from {package}stepping import step

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(8, 8)

    def forward(self, x, t):
        return self.mix(x) + t[:, None] * 0.01

@torch.no_grad()
def sample(net, x, times):
    b, device = len(x), x.device
    for i, j in zip(times, [*times[1:], -1]):
        t = (torch.ones(b, device=device) * i).long()
        t_next = torch.full((b,), j, device=device)
        x = step(x, net(x, t), t, t_next)
    return x

def build(device, steps):
    torch.manual_seed(0)
    net = Net().to(device)
    return net, lambda: sample(net, torch.randn(2, 8, device=device), list(range(steps))[::-1])
"""


def cured_in(folder: Path, stepping: str, looping: str, package: str) -> Cured:
    for name, text in ((stepping, STEPPING), (looping, LOOPING.format(package=package))):
        file = folder / "parts" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    module = f"parts.{looping.removesuffix('.py').replace('/', '.')}"

    def load(texts: Mapping[str, str]) -> Build:
        def build(device: str, steps: int) -> Any:
            with served(texts, ("parts",), folder):
                return import_module(module).build(device, steps)

        return build

    return cure(load, 4, (folder,))


@pytest.mark.parametrize("folder", ["", "inner"])
def test_a_function_of_another_file_is_given_what_the_loop_knows(tmp_path: Path, folder: str) -> None:
    (tmp_path / ".git").mkdir()
    stepping, module = f"{folder}/stepping.py".lstrip("/"), f"parts.{folder}.".replace("..", ".")
    cured = cured_in(tmp_path, stepping, "looping.py", module)
    assert cured.before.late > 0
    assert cured.after.late == 0, cured.stayed
    assert cured.same_bits
    texts = {file: composed.text for file, composed in cured.composed.items()}
    step = texts[str(tmp_path / "parts" / stepping)]
    assert "t_on_host=None" in step
    assert "t_nexts_on_host=None" in step
    assert "(t[0] if t_on_host is None else t_on_host)" in step
    assert any(edit.description.endswith(" stepping.py changes with it.") for edit in cured.applied)
    alone = []
    for served_texts in ({}, texts):
        with served(served_texts, ("parts",), tmp_path):
            torch.manual_seed(2)
            given = torch.ones(2, 8), torch.ones(2, 8), torch.tensor([3, 3]), torch.tensor([-1, -1])
            alone.append(import_module(f"{module}stepping").step(*given))
    assert torch.equal(*alone)


def test_a_function_that_another_patch_would_change_takes_no_further_argument(tmp_path: Path) -> None:
    (tmp_path / "parts" / "inner" / ".git").mkdir(parents=True)
    cured = cured_in(tmp_path, "inner/stepping.py", "looping.py", "parts.inner.")
    assert cured.same_bits
    assert not any(edit.elsewhere for edit in cured.applied)
