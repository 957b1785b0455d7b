"""A buffer is filled on the device only where nobody looks at it before the loop is done."""

from __future__ import annotations

from typing import Any

import pytest

from sdprof.model import FunctionSite, LoopMap, SeenValue
from tests.fixes.source.by_hand import FILE, rewritten, site_at, tensor

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
        ({"made": "make(n)"}, "factory"),
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
