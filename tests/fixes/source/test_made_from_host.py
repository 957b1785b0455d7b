"""Reads of tensors that the step makes from what the host knows, and when the tensor itself is read as before."""

from __future__ import annotations

import pytest

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "x": tensor("cuda", "float32", 2, 3),
    "y": tensor("cuda", "float32", 2, 3),
    "t": tensor("cuda", "int64", 2),
    "level": tensor("cuda", "float32", 2),
    "share": tensor("cuda", "float32"),
    "i": SeenValue(kind="number", dtype="int"),
    "n": SeenValue(kind="number", dtype="int"),
    "s": SeenValue(kind="number", dtype="float"),
    "device": SeenValue(kind="other", type_name="device", device="cuda"),
}


def after(body: str, expression: str, occurrence: int = 0) -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    text = f"import torch\n\ndef f(x, y, n, s, device):\n    for i in range(n):\n{lines}    return x\n"
    site, sources = site_at(
        text, expression, occurrence, kind="SYNC", op="aten::_local_scalar_dense", shape=(), values=VALUES, function="f"
    )
    return rewritten("read-table-once", site, sources)


@pytest.mark.parametrize(
    ("made", "read", "expected"),
    [
        ("t = torch.full((n,), i, device=device)", "t[0] > 0", "i > 0"),
        ("t = torch.full((n,), s, device=device)", "t[0] > 0", "torch.full((), s) > 0"),
        ("t = torch.tensor([i] * n).to(device)", "t[0] > 0", "torch.tensor(i) > 0"),
        ("level = torch.ones(n, device=device) * s", "level[1] > 0", "torch.ones(()) * s > 0"),
        ("level = (torch.ones(n) * s).float().to(device)", "level[0] > 0", "(torch.ones(()) * s).float() > 0"),
        ("share = torch.tensor(i / n, device=device)", "share > 0", "torch.tensor(i / n) > 0"),
        ("share = y.new_tensor(s)", "share > 0", "torch.tensor(s, dtype=y.dtype) > 0"),
        ("t = torch.arange(n).to(device)", "t.max() > 0", "torch.arange(n).max() > 0"),
    ],
)
def test_the_host_reads_what_it_knows(made: str, read: str, expected: str) -> None:
    changed = after(f"{made}\nx = x * 2\nif {read}:\n    x = x + 1", read)
    assert f"if {expected}:" in changed
    assert made in changed


@pytest.mark.parametrize(
    "body",
    [
        "t = torch.full((n,), i, device=device)\ni = i + 1\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), i, device=device)\nt[0] = 3\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), i, device=device)\nt.add_(1)\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), x.sum(), device=device)\nif t[0] > 0:\n    x = x + 1",
        "t = torch.randint(n, (2,), device=device)\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), next(counter), device=device)\nif t[0] > 0:\n    x = x + 1",
        "if n:\n    t = torch.full((n,), i, device=device)\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), i, device=device)\nwhile n:\n    i = i + 1\n    if t[0] > 0:\n        x = x + 1",
        "t = torch.full((n,), i, device=device)\nif n:\n    i = 0\n    if t[0] > 0:\n        x = x + 1",
        "if t[0] > 0:\n    x = x + 1\nt = torch.full((n,), i, device=device)",
        "t = x.cumsum(0)\nif t[0] > 0:\n    x = x + 1",
    ],
)
def test_what_may_have_changed_is_read_from_the_tensor(body: str) -> None:
    changed = after(body, "t[0] > 0")
    assert changed.startswith("declined") or "if _on_host(t)[0] > 0" in changed or "if _on_host(t[0]) > 0" in changed
