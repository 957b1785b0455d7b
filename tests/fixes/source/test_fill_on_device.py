"""What is sent to the device is looked at for one number: the text, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixes.source.by_hand import rewritten, site_at, tensor
from tests.fixes.source.workbench import cure_text

LOOP = """
import torch
from torch import nn


class Times:
    def of_batch(self, i, count):
        return torch.tensor([0.5 / (i + 1)] * count)


def build(device, steps):
    net = nn.Conv2d(3, 3, 3, padding=1).to(device)
    times = Times()

    def run():
        x = torch.randn(2, 3, 8, 8, device=device)
        with torch.no_grad():
            for i in range(steps):
                x = x - net(x) * times.of_batch(i, 2).to(device)[:, None, None, None]
        return x

    return net, run
"""


def test_one_number_is_filled_in_and_several_are_copied(tmp_path: Path) -> None:
    found, text = cure_text(tmp_path, LOOP)
    assert (found.before.late, found.after.late) == (4, 0)
    assert "_filled(times.of_batch(i, 2), device)[:, None" in text
    found, text = cure_text(tmp_path, LOOP.replace("[0.5 / (i + 1)] * count", "[0.5 / (i + 1), 0.3]"))
    assert found.after.late == 4
    assert "_filled" not in text


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("f(x).to(x)", "_filled(f(x), x.device, x.dtype)"),
        ("f(x).to(x.device, torch.half)", "_filled(f(x), x.device, torch.half)"),
        ("f(x).cuda()", '_filled(f(x), "cuda")'),
        ("torch.randn(1).to(x.device)", "declined: Random"),
        ("torch.tensor(f(x), device=x.device)", "declined: "),
    ],
)
def test_the_helper_is_given_what_the_move_was(code: str, expected: str) -> None:
    text = f"import torch\n\ndef step(x, f):\n    return x * {code}\n"
    values = {"x": tensor("cuda", "float32", 3)}
    site, sources = site_at(text, code, kind="H2D", dtype="float32", shape=(1,), bytes=4, values=values)
    assert expected in rewritten("fill-on-device", site, sources)
