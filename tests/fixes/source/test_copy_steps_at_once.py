"""What each step makes on the host of its number alone goes to the device in one copy, with the same bits."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest
import torch

from sdprof.device import simulate, to_host
from tests.fixes.source.workbench import Build, Cured, cure, module_of, same_bits

HEAD = """
import math

import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x, levels):
        return self.layer(x) / (1 + levels.float().mean())


"""
TAIL = """

def build(device, steps, batch=2):
    net = Net().to(device)
    times = [1 - k / 9 for k in range(steps + 1)]
    return net, lambda: sample(net, torch.randn(batch, 4, device=device), times)
"""
ROWS = """
def sample(net, x, times):
    schedule, batch, device = np.arange(len(times))[::-1, None] - np.arange(3), len(x), x.device
    for row in range(len(schedule) - 1):
        levels = np.concatenate((np.zeros(1, dtype=np.int64), schedule[row]))[None].repeat(batch, axis=0)
        levels = torch.from_numpy(levels).to(device)  # one for each token
        x = x - 0.1 * net(x, levels)
    return x
"""
COUNTED = """
def sample(net, x, times, low=0.1, high=0.9):
    for k, (time, after) in enumerate(zip(times[:-1], times[1:])):
        mean = (time + after) / 2
        level = torch.clip(torch.tensor([mean, mean * 0.5, after, time, mean * k]), low, high).to(x.device)
        x = x - net(x, level) * level[1]
    return x
"""
BACKWARDS = """
def sample(net, x, times):
    n = len(times)
    for i in reversed(range(n)):
        place = torch.tensor([i / n, math.sqrt(i), i * 2.0, i - 1.0, n - i], device=x.device)
        x = x - net(x, place) * 0.1
    return x
"""
THROUGH_LIST = """
def sample(net, x, times):
    pairs = [(time / 2, 1.0) for time in times]
    for low, high in pairs:
        x = x - net(x, torch.from_numpy(np.geomspace(low + 1, high + 1, 5)).to(x.device, torch.float32)) * 0.1
    return x
"""
ENTRIES = """
def sample(net, x, times):
    levels, device = torch.tensor(times), x.device
    for i, level in enumerate(levels):
        after = levels[i + 1] if i + 1 < len(levels) else torch.tensor(0.0)
        x = x - net(x, level.to(device)) * ((level - after) / 2).to(device)
    return x
"""
LEFT = {
    "may end before its last step": """
def sample(net, x, times):
    for i in range(len(times)):
        levels = torch.from_numpy(np.linspace(0, i, 5)).to(x.device)
        x = x - net(x, levels) * 0.1
        if i == 7:
            break
    return x
""",
    "Not every step comes": """
def sample(net, x, times):
    for i in range(len(times)):
        levels = torch.zeros(5, device=x.device)
        if i > 0:
            levels = torch.from_numpy(np.linspace(0, 1 / i, 5)).to(x.device)
        x = x - net(x, levels) * 0.1
    return x
""",
    "from the step before": """
def sample(net, x, times):
    rate = 1.0
    for i in range(len(times)):
        x = x - net(x, torch.from_numpy(np.linspace(0, rate, 5)).to(x.device)) * 0.1
        rate = rate * 0.9
    return x
""",
    "gives the same before the loop": """
def sample(net, x, times):
    for i in range(len(times)):
        x = x - net(x, torch.from_numpy(np.random.default_rng(i).random(5)).to(x.device)) * 0.1
    return x
""",
    "may change table": """
def sample(net, x, times):
    table = np.linspace(0, 1, 40)
    for i in range(len(times)):
        x = x - net(x, torch.from_numpy(table[i : i + 5]).to(x.device)) * 0.1
        table[i + 1 :] *= 0.9
    return x
""",
    "may be used up": """
def sample(net, x, times):
    pairs = ((time, 1.0) for time in times)
    for low, high in pairs:
        x = x - net(x, torch.from_numpy(np.geomspace(low + 1, high + 2, 5)).to(x.device)) * 0.1
    return x
""",
}


def cured_loop(folder: Path, loop: str, *, without_reads: bool = False) -> tuple[Path, Cured]:
    path = folder / "loop.py"
    path.write_text(HEAD + "@torch.no_grad()\n" + textwrap.dedent(loop).strip() + "\n" + TAIL)

    def load(texts: Mapping[str, str]) -> Build:
        build: Build = module_of(path, texts.get(str(path))).build
        return build

    others = {"copy-steps-at-once", "hoist-loop-invariant"} if without_reads else None
    return path, cure(load, 5, (folder,), others)


def ran(module: ModuleType, steps: int, batch: int) -> torch.Tensor:
    with simulate():
        torch.manual_seed(0)
        _, run = module.build("cuda", steps, batch)
        torch.manual_seed(1)
        result: torch.Tensor = to_host(run())
        return result


@pytest.mark.parametrize("loop", [ROWS, COUNTED, BACKWARDS, THROUGH_LIST])
def test_all_steps_are_copied_at_once(loop: str, tmp_path: Path) -> None:
    path, cured = cured_loop(tmp_path, loop)
    assert cured.same_bits
    assert cured.before.late > 0
    assert cured.after.late == 0
    rewritten = module_of(path, next(iter(cured.composed.values())).text)
    for steps, batch in ((5, 2), (8, 3), (1, 1), (0, 2)):
        assert same_bits(ran(module_of(path), steps, batch), ran(rewritten, steps, batch)), (steps, batch)


def test_the_text_is_what_one_would_write(tmp_path: Path) -> None:
    _, cured = cured_loop(tmp_path, ROWS)
    (composed,) = cured.composed.values()
    assert "        levels = levels_per_step[row]  # one for each token\n" in composed.text
    assert "levels_per_step = torch.stack(levels_on_host).to(device) if levels_on_host else []\n" in composed.text
    assert composed.text.count("np.concatenate") == 1


def test_entries_of_a_tensor_are_taken_where_the_tensor_was_copied(tmp_path: Path) -> None:
    path, cured = cured_loop(tmp_path, ENTRIES, without_reads=True)
    (composed,) = cured.composed.values()
    assert cured.after.late == 0
    assert "    levels_on_device = levels.to(device)\n" in composed.text
    assert "net(x, levels_on_device[i])" in composed.text
    assert "for i in range(len(levels))" in composed.text  # TorchDynamo traces no enumerate in a comprehension
    for steps in (5, 1, 0):
        assert same_bits(ran(module_of(path), steps, 2), ran(module_of(path, composed.text), steps, 2))


@pytest.mark.parametrize("reason", LEFT)
def test_what_might_be_another_thing_before_the_loop_stays(reason: str, tmp_path: Path) -> None:
    _, cured = cured_loop(tmp_path, LEFT[reason])
    assert cured.same_bits
    assert any("copy-steps-at-once" in each and reason in each for each in cured.stayed), cured.stayed
