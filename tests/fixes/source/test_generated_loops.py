"""Loops put together at random, with faults and with traps: no cure changes a value beyond what it declares."""

from __future__ import annotations

import textwrap
from pathlib import Path

import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.fixes.source.workbench import Cured, cure_file, module_of, observe

HEADS = (
    "for i, t in enumerate(levels):",
    "for i in range(len(levels)):\n    t = levels[i]",
    "for i, (t, t_next) in enumerate(zip(levels[:-1], levels[1:])):",
    "i = -1\nfor t in levels:\n    i += 1",
    "i = -1\nfor t, sigma in zip(levels, sigmas):\n    i += 1",
)

FAULTS = (
    "a = torch.full((x.shape[0], 1), sigmas[i], device=device)\nx = x * a",
    "a = torch.full((x.shape[0], 1), t, device=device, dtype=torch.float32)\na += 1\nx = x * a",
    "a = torch.full((x.shape[0], 1), sigmas[i], device=x.device)\nkept.append(a)\nx = x - a",
    "a = torch.full_like(x, sigmas[i])\na[0] = 2.0\nx = x * a",
    "a = x.new_full((1, 4), halves[i])\nx = x + a",
    "a = torch.full((1,), halves[i], device=device)\nx = x + a",
    "a = torch.full((1,), wide[i], device=device)\nx = x + a",
    "x = x * min(sigmas[i], sigmas[i + 1]) + max(sigmas[i], sigmas[i + 1])",
    "if sigmas[i] > 1.1:\n    x = x + 0.5",
    "if 0.3 <= sigmas[i] <= 1.1 or t == 2:\n    x = x * 0.5",
    "if not levels[i]:\n    x = x + 3",
    "x = x + int(t)",
    "x = x * float(sigmas[i]) + levels[i].item()",
    "s = sigmas[i]\nif s < 0.9:\n    x = x - s",
    "s = sigmas[i] * 0.5\nif s < 0.4:\n    x = x - s",
    "low, high = sigmas[i], sigmas[i + 1]\nif high < low:\n    x = x + high",
    "x = x + table[t]",
    "w = torch.tensor([0.3, 0.7, 0.1, 0.2], device=device)\nx = x * w",
    "w = torch.tensor([0.3, 0.7, 0.1, 0.2], device=device)\nw += 0.1\nx = x * w",
    "w = torch.tensor([0.3, 0.7, 0.1, 0.2], device=device)\nkept.append(w)\nx = x * w\nw.mul_(2)",
    "b = torch.tensor([i] * 2, device=device)\nx = x + b[:, None]",
    "c = torch.tensor(i * 0.5, device=device)\nx = x + c",
    "c = torch.tensor(np_table[i], device=device)\nx = x + c",
    "c = host[i].to(device)\nx = x + c",
    "c = host.to(device)[i]\nx = x + c",
    "k = torch.arange(4, dtype=torch.float32).mul(0.5).to(device)\nx = x + k",
    "k = torch.arange(4)\nk = k.to(device)\nx = x + k",
    "k = torch.ones(4) * 2\nx = x + k.to(device)\nkept.append(k)",
    "x[0, 0] = 0.5",
    "m = x > 0.1\nx[m] = kept[-1][m] if kept else x[m] * 0.5",
    "m, y = x > sigmas[i], x * 0.9\nx[m] = y[m] + 0.125\nx[~m] *= 1.5",
    "row = x[:, 0] > 0\nx[row] = halves[i].float()",
    "w = x.new_tensor([0.3, 0.7, 0.1, 0.2])\nw += 0.1\nx = x * w + x.new_tensor(i)",
    "c = torch.LongTensor([i] * 2).to(device)\nx = x + c[:, None]",
    "x = x[torch.tensor([1, 0])]",
    "x = x + torch.randn(x.shape).to(device)",
    "x = x + torch.stack([sigmas[i], halves[i].float()]).sum()\nnotes.append(f'{t:d} {sigmas[i]:.3f}')",
    "r = [sigmas[i], 1.0]\nx = x + torch.tensor(r, device=device).sum()",
    "x = look(x, t, sigmas[i])",
    "b = torch.full((2,), i, device=device)\nif b[0] > 1:\n    x = x + b[:, None]",
    "b = torch.full((2,), i * 0.3, device=device)\nx = x * 1.5\nif b[1] == i * 0.3:\n    x = x - 1\n    b = None",
    "b = (torch.ones(2) * i).to(device)\nb[0] = 3.0\nif b[0] > 1:\n    x = x + b[:, None]",
    "b = torch.tensor([i] * 2, device=device)\ni = i + 1\nif b.max() > 1:\n    x = x * 2\ni = i - 1",
    "c = torch.tensor(0.1 * i).to(device)\nif c > 0.1 * i:\n    x = x + c",
    "c = torch.tensor([i]).float().repeat(2).to(device)\nx = x + c[:, None]\nc += 1",
    "c = torch.tensor([np_table[i]]).float().to(device)\nx = x + c",
    "c = host[i].repeat(2).to(x.device)\nx = x + c[:, None]\nkept.append(c)\nc.mul_(2)",
    "c = torch.full((2,), i)\nc = c.to(device)\nx = x + c[:, None]",
    "c = torch.tensor([i, i * 0.5], device=device)\nx = x + c[:, None]",
    "c = torch.tensor([sigmas[i].item(), 1.0, i]).to(device)\nx = x + c.sum()",
    "x = x + torch.stack([sigmas[k] for k in levels]).sum() + sum([float(s) for s in sigmas])",
    "kept.append((x * 0.5).cpu())",
    "notes.append(x.mean().item())",
    "notes += [x.cpu().numpy().sum().item()]",
)
TRAPS = (
    "sigmas[i + 1] = sigmas[i + 1] * 0.9",
    "sigmas.mul_(0.99)",
    "host[i] = 0.25",
    "host += 0.125",
    "sigmas = sigmas * 1.5",
    "i = min(i + 1, 2)",
    "t = t * 0 + 1",
    "device = x.device",
    "x = x * 0.9",
    "np_table[i] += 0.5",
)

FRAME = """
import numpy as np
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x):
        return self.linear(x) * 0.1


def look(x, t, sigma):
    if sigma > 0.8 and t < 3:
        return x + t
    return x - sigma


@torch.no_grad()
def sample(net, x, levels, sigmas, halves, wide, table, host, np_table, device):
    kept, notes = [], []
<loop>
    return x, kept, notes


def build(device, steps):
    net = Net().to(device)

    def run():
        return sample(
            net,
            torch.linspace(-1, 1, 8).reshape(2, 4).to(device),
            torch.tensor([3, 2, 1, 0], device=device),
            torch.linspace(1.5, 0.2, 6).to(device),
            torch.linspace(1.5, 0.2, 6).half().to(device),
            torch.linspace(1.5, 0.2, 6, dtype=torch.float64).to(device),
            torch.linspace(0, 1, 5).to(device),
            torch.linspace(0, 1, 6),
            np.linspace(0, 1, 6),
            device,
        )

    return net, run
"""


def text_of(head: str, parts: list[str]) -> str:
    body = "\n".join(["x = x + net(x)", *parts])
    lines = f"{head}\n{textwrap.indent(body, '    ')}"
    return FRAME.replace("<loop>", textwrap.indent(lines, "    "))


def largest_difference(one: object, two: object) -> float:
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        assert one.shape == two.shape
        assert one.dtype == two.dtype
        return float((one.double() - two.double()).abs().max() / one.double().abs().max().clamp(min=1e-6))
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        assert len(one) == len(two)
        return max((largest_difference(*pair) for pair in zip(one, two, strict=True)), default=0.0)
    assert one == two
    return 0.0


def check(cured: Cured) -> None:
    numerics = {edit.numerics for edit in cured.applied}
    if numerics <= {"exact"}:
        assert cured.same_bits
    else:
        assert "lossy" not in numerics
        assert largest_difference(cured.before.output, cured.after.output) < 1e-5
    assert cured.after.late <= cured.before.late


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    head=st.sampled_from(HEADS),
    parts=st.lists(st.sampled_from(FAULTS), min_size=1, max_size=5, unique=True),
    traps=st.lists(st.tuples(st.sampled_from(TRAPS), st.integers(0, 6)), max_size=2),
)
def test_no_cure_changes_a_value_beyond_its_class(
    tmp_path_factory: object, head: str, parts: list[str], traps: list[tuple[str, int]]
) -> None:
    for trap, place in traps:
        parts = [*parts[:place], trap, *parts[place:]]
    folder: Path = tmp_path_factory.mktemp("generated")  # type: ignore[attr-defined]
    file = folder / "loop.py"
    file.write_text(text_of(head, parts), encoding="utf-8")
    try:
        observe(module_of(file).build, 4, (folder,))
    except (RuntimeError, IndexError, TypeError, UnboundLocalError):
        assume(False)  # a trap broke the loop itself
    check(cure_file(file))
