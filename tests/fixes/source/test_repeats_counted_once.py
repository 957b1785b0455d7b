"""Rows that are repeated by the same counts in each step: other counts come out as before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.fixes.source.workbench import cure_file, module_of, same_bits

LOOP = """
import torch
from torch import nn

class Net(nn.Module):
    def forward(self, x, t):
        return torch.tanh(x) * (1 + 0.01 * t)

def spread(x, counts, dim=0):
    return {repeated}

def sample(net, x, counts, steps, flag=False):
    kept = []
    for t in range(steps):
        x = x - 0.1 * net(x, t)
        {inside}
        kept.append(spread(x, counts).sum(dim=0))
    return x, kept

def build(device, steps):
    torch.manual_seed(0)
    x, counts = torch.rand(3, 4).to(device), torch.tensor([2, 0, 3]).to(device)
    net = Net()
    return net, lambda: sample(net, x, counts, steps)
"""


def _outcomes(module: Any) -> list[Any]:
    torch.manual_seed(1)
    made: list[Any] = []
    for counts in (torch.tensor([1, 4, 2]), torch.tensor([2]), torch.tensor(2), 3, torch.tensor([0, 0, 0]), None, [1]):
        for steps in (0, 1, 3):
            for flag in (False, True):
                given = counts.clone() if isinstance(counts, torch.Tensor) else counts
                try:
                    made.append(module.sample(module.Net(), torch.rand(3, 4), given, steps, flag=flag))
                except (TypeError, RuntimeError, AttributeError) as error:
                    made.append(type(error))
    return made


@pytest.mark.parametrize(
    ("repeated", "inside", "counted"),
    [
        ("torch.repeat_interleave(x, counts, dim=dim)", "pass", True),
        ("x.repeat_interleave(counts, dim=0)", "pass", True),
        ("torch.repeat_interleave(input=x, repeats=counts, dim=0)", "pass", True),
        ("x.repeat_interleave(counts, 0)", "if flag: spread(x, counts + 1)", True),
        ("x.repeat_interleave(counts, 0)", "if flag: counts = counts + 1", False),
        ("x.repeat_interleave(counts, 0)", "if flag: counts.add_(1)", False),
        ("x.repeat_interleave(counts + x[:, 0].long(), 0)", "pass", False),
    ],
)
def test_they_are_counted_before_the_loop(tmp_path: Path, repeated: str, inside: str, counted: bool) -> None:
    file = tmp_path / "loop.py"
    file.write_text(LOOP.format(repeated=repeated, inside=inside))
    found = cure_file(file, 3, {"repeats-counted-once"})
    assert found.before.late > 0
    assert found.same_bits
    assert (found.after.late == 0) is counted
    assert bool(found.composed) is counted
    if counted:
        text = found.composed[str(file)].text
        assert (
            "    counts_total = int(counts.sum()) if torch.is_tensor(counts) and counts.numel() > 1 else None\n" in text
        )
        before, then = _outcomes(module_of(file)), _outcomes(module_of(file, text))
        for one, other in zip(before, then, strict=True):
            assert one is other if isinstance(one, type) else same_bits(one, other)
