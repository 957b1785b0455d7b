"""Several numbers of one statement, read by one copy: the text, what it shows, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor
from tests.fixes.source.workbench import cure_file

VALUES = {
    "a": tensor("cuda", "float32"),
    "b": tensor("cuda", "float32"),
    "c": tensor("cuda", "float64"),
    "h": tensor("cpu", "float32"),
    "x": tensor("cuda", "float32", 2, 3),
    "n": SeenValue(kind="number", dtype="float"),
}


def after(line: str, read: str = "a.item()") -> str:
    text = f"import torch\n\ndef f(a, b, c, h, x, n, show):\n    {line}\n"
    site, sources = site_at(text, read, kind="SYNC", shape=(), dtype="float32", values=VALUES)
    return rewritten("numbers-read-at-once", site, sources)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("print('{} {}'.format(a.item(), b.item()))", "print('{} {}'.format(*torch.stack((a, b)).tolist()))"),
        ("show(n, a.item(), x.abs().max().item())", "show(n, *torch.stack((a, x.abs().max())).tolist())"),
        (
            "show({'low': a.item(), 'high': x.max().item(), 'other': c.item})",
            "a_read, x_max_read = torch.stack((a, x.max())).tolist()\n"
            "    show({'low': a_read, 'high': x_max_read, 'other': c.item})",
        ),
        (
            "low, high = a.item(), b.item()",
            "a_read, b_read = torch.stack((a, b)).tolist()\n    low, high = a_read, b_read",
        ),
        (
            "return f'{a.item():.3f} of {b.item():.3f}'",
            "a_read, b_read = torch.stack((a, b)).tolist()\n    return f'{a_read:.3f} of {b_read:.3f}'",
        ),
        ("show(a.item(), a.item())", "show(*torch.stack((a, a)).tolist())"),
        (
            "show('mean {}, max {:.2f}'.format(x.abs().mean(), x.max()))",
            "show('mean {}, max {:.2f}'.format(*torch.stack((x.abs().mean(), x.max())).tolist()))",
        ),
        (
            "show(f'{x.mean():.3f} {x.max()}')",
            "x_mean_read, x_max_read = torch.stack((x.mean(), x.max())).tolist()\n"
            "    show(f'{x_mean_read:.3f} {x_max_read}')",
        ),
    ],
)
def test_one_copy_brings_them_all(line: str, expected: str) -> None:
    read = next(
        (each for each in ("a.item()", "'mean {}, max {:.2f}'.format(x.abs().mean(), x.max())") if each in line), ""
    )
    assert f"    {expected}\n" in after(line, read or "f'{x.mean():.3f} {x.max()}'")


@pytest.mark.parametrize(
    "line",
    [
        "show(a.item())",  # alone
        "show(a.item(), c.item())",  # of another type, which it would be converted to
        "show(a.item(), h.item())",  # on the host
        "show(a.item(), x.item())",  # of one element, perhaps
        "show(a.item()) or show(b.item())",
        "show(a.item() if n else b.item())",
        "show([each * a.item() + b.item() for each in x])",
        "show(show(a.item()), b.item())",  # may write to b
        "show(a.item(), b.exp_().item())",
        "show(a.item(), x.mean(0).sum().item())",
        "show(float(a), b.item())",
        "show('{} {}'.format(a, b))",  # of another caller, perhaps more than one number
        "show(f'{x.mean()!r} {x.max()}')",  # shows the tensor
    ],
)
def test_what_need_not_be_read_together_is_not(line: str) -> None:
    read = "float(a)" if "float(a)" in line else "a.item()"
    read = line.removeprefix("show(").removesuffix(")") if read not in line else read
    assert after(line, read).startswith("declined: ")


LOOP = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(4, 4)

    def forward(self, x, t):
        return torch.tanh(self.mix(x)) * (1 + 0.01 * t)


def sample(net, x, steps, shown):
    for t in range(steps):
        gradient = net(x, t)
        size, step = gradient.norm(), (0.1 * gradient).norm()
        x = x - 0.1 * gradient
        shown.append("size {:.6f} step {:.6f}".format(size.item(), step.item()))
        shown.append({"low": x.min().item(), "high": x.max().item()})
        shown.append("mean {}, max {:.3f}".format(gradient.abs().mean(), gradient.max()))
        shown.append(f"{x.mean():.3f} {x.max()}")
    return x, shown


def build(device, steps):
    torch.manual_seed(0)
    net = Net().to(device).requires_grad_(False)
    x = torch.rand(2, 6, 4).to(device)
    return net, lambda: sample(net, x, steps, [])
"""


def test_what_is_shown_is_the_same_for_half_the_waits(tmp_path: Path) -> None:
    file = tmp_path / "loop.py"
    file.write_text(LOOP)
    found = cure_file(file)
    assert found.same_bits
    assert found.before.late == 32
    assert found.after.late == 16
