"""A buffer is filled on the device only where nobody looks at it before the loop is done."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from sdprof.device import simulate, to_host
from sdprof.model import FunctionSite, LoopMap, SeenValue
from tests.fixes.source.by_hand import FILE, rewritten, site_at, tensor
from tests.fixes.source.workbench import Build, Cured, cure, module_of, same_bits

LOOP = "for i in range(n):\n        x = net(x)\n        frames[i] = x"


def after(made: str = "torch.zeros(n, 3)", loop: str = LOOP, then: str = "return frames", **given: Any) -> str:
    text = f"import torch\n\ndef f(net, x, n):\n    frames = {made}\n    {loop}\n    {then}\n"
    line = text[: text.index("x = net(x)")].count("\n") + 1
    site_of = FunctionSite(file=FILE, module="user_code", qualname="f", first_line=3, call_line=line, user=True)
    values = {"x": tensor(), "frames": SeenValue(kind="tensor", device="cpu", dtype="float32", shape=(5, 3)), **given}
    site, sources = site_at(
        text,
        "frames[i]",
        kind="D2H",
        op="aten::copy_",
        dtype="float32",
        steps=(0, 1),
        steps_in_run=2,
        values=values,
        function="f",
        loop=LoopMap(hot_module="net", calls=5, steps=5, loop=site_of, chain=()),
    )
    return rewritten("buffer-on-device", site, sources)


def test_it_is_made_there_and_copied_once() -> None:
    text = after(then="frames = frames.numpy()\n    return frames")
    assert "frames = torch.zeros(n, 3, device=x.device)\n" in text
    assert "        frames[i] = x\n    frames = frames.cpu()\n    frames = frames.numpy()\n" in text


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"made": "torch.zeros(n, 3, device='cpu')"}, "names no device"),
        ({"made": "make(n)"}, "may make its data on the host"),
        ({"loop": f"{LOOP}\n        net.show(frames)"}, "looked at"),
        ({"loop": f"{LOOP}\n        frames[i] += 1"}, "looked at"),
        ({"loop": f"{LOOP}\n        frames = frames + 1"}, "one assignment"),
        ({"loop": f"kept = frames\n    {LOOP}"}, "looked at"),
        ({"loop": f"{LOOP}\n        if i > n:\n            return frames"}, "hand the buffer over"),
        ({"then": "return lambda: frames"}, "nested function"),
        ({"then": "try:\n        net.end()\n    finally:\n        net.show(frames)"}, "fails"),
        ({"frames": SeenValue(kind="tensor", device="cpu", dtype="uint8", shape=(5, 3))}, "converted"),
        ({"frames": SeenValue(kind="tensor", device="cpu", dtype="float32", shape=(2**20, 2**10))}, "memory"),
        ({"x": tensor("cpu")}, "No tensor on the device"),
    ],
)
def test_what_may_be_looked_at_stays_on_the_host(given: dict[str, Any], reason: str) -> None:
    text = after(**given)
    assert text.startswith("declined: ")
    assert reason in text


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
        (ZEROS, "frames[i] = x + frames[i - 1].to(x)", "looked at"),
        (ZEROS, "frames[i] += x.cpu()", "looked at"),
        ("frames = torch.rand((steps, *x.shape))", "frames[i] = x", "drawn on the host"),
        ("frames = torch.arange(steps * 8).reshape(steps, *x.shape) / 3", "frames[i] = x", "names no device"),
        ("frames = keep = torch.zeros((steps, *x.shape))", "frames[i] = x", "not made by one assignment"),
    ],
)
def test_what_the_host_looks_at_stays_there(made: str, fill: str, reason: str, tmp_path: Path) -> None:
    _, cured = cured_loop(tmp_path, made, fill)
    assert cured.same_bits
    assert not any(edit.fix == "buffer-on-device" for edit in cured.applied)
    if fill == "frames[i] = x":
        assert any("buffer-on-device" in each and reason in each for each in cured.stayed), cured.stayed
