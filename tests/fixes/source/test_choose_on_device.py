"""Choices between values by what the device computed: the text, what it gives, and what is left alone."""

from __future__ import annotations

import pytest
import torch

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "x": tensor("cuda", "float32", 2, 3),
    "y": tensor("cuda", "float32", 2, 3),
    "wide": tensor("cuda", "float64", 2, 3),
    "row": tensor("cuda", "float32", 3),
    "s": tensor("cuda", "float32"),
    "i": tensor("cuda", "int64", 2, 3),
    "n": SeenValue(kind="number", dtype="float"),
}


def after(test: str, body: str, behind: str = "", read: str = "", head: str = "") -> str:
    body = f"    if {test}:\n        {body}\n    {behind}\n    return x\n"
    text = f"import torch\n\n{head}def f(x, y, wide, row, s, i, n):\n{body}"
    fields = {"kind": "SYNC", "op": "aten::_local_scalar_dense", "shape": (), "dtype": "bool", "values": VALUES}
    site, sources = site_at(text, read or test, **fields)
    return rewritten("choose-on-device", site, sources)


CHOICES = [
    ("x.abs().max() > 1", "x = x / x.abs().max()", "x = torch.where(x.abs().max() > 1, x / x.abs().max(), x)"),
    (
        "torch.isnan(x).any()",
        "x = torch.nan_to_num(x)",
        "x = torch.where(torch.isnan(x).any(), torch.nan_to_num(x), x)",
    ),
    ("not torch.isfinite(s)", "x = y", "x = torch.where(~torch.isfinite(s), y, x)"),
    ("s > n", "x = 2 * x - y", "x = torch.where(torch.as_tensor(s > n), 2 * x - y, x)"),
    ("x.sum() < 1e-6", "x += 1", "x.copy_(torch.where(x.sum() < 1e-6, x + 1, x))"),
    ("not x.max() > 1", "x = -x.clamp(-1, 1)", "x = torch.where(~(x.max() > 1), -x.clamp(-1, 1), x)"),
    ("x.mean() > 0", "x *= n - 1", "x.copy_(torch.where(x.mean() > 0, x * (n - 1), x))"),
]


@pytest.mark.parametrize(("test", "body", "expected"), [each for each in CHOICES if "n - 1" not in each[1]])
def test_the_device_takes_one_of_both(test: str, body: str, expected: str) -> None:
    assert f"    {expected}\n" in after(test, body)


@pytest.mark.parametrize("scale", [0.1, 3.0, float("nan")])
@pytest.mark.parametrize(("test", "body", "expected"), CHOICES)
def test_both_texts_give_the_same(test: str, body: str, expected: str, scale: float) -> None:
    results = []
    for each in (f"if {test}: {body}", expected):
        torch.manual_seed(0)
        x, y, s = scale * torch.randn(2, 3), torch.randn(2, 3), torch.tensor(scale)
        space = {"torch": torch, "x": x, "y": y, "s": s, "n": 0.5}
        exec(each, space)
        results.append(space["x"])
    assert torch.equal(results[0].nan_to_num(9.0), results[1].nan_to_num(9.0))


@pytest.mark.parametrize(
    ("test", "body"),
    [
        ("x.max() > 1", "x = x + torch.randn_like(x)"),  # would draw
        ("x.max() > 1", "x = x / wide"),  # of another type
        ("x.max() > 1", "x = x + row.repeat(2, 1)"),
        ("x.max() > 1", "x = 0.0"),
        ("x.max() > 1", "x = x.sum(0)"),
        ("x.max() > 1", "n = x"),
        ("x.max() > 1", "i = -i"),
        ("x.max() > 1", "x = g(x)"),
        ("x.max() > 1", "x, y = y, x"),
        ("x.max() > 1", "return y"),
        ("x.max() > 1", "x = -x\n        print(x)"),
        ("x.max() > 1", "x = -x\n    else:\n        x = y"),
        ("x.max() > 1 or n > 1", "x = -x"),
        ("0 < x.max() < 1", "x = -x"),
        ("x.max() > g()", "x = -x"),
        ("g(x)", "x = -x"),
    ],
)
def test_what_else_is_decided_is_left_to_the_host(test: str, body: str) -> None:
    assert after(test, body).startswith("declined: ")


def test_a_name_that_is_written_to_has_to_stay_what_it_was() -> None:
    assert "has to stay what it was" in after("x.max() > 1", "x = -x", behind="x.add_(1)")


@pytest.mark.parametrize(
    ("body", "stays"),
    [
        ("x = x / x.abs().max()", True),
        ("x = x * y", True),
        ("x = y.sqrt()", True),
        ("x *= s", True),
        ("x += 1", False),
        ("x = 2 * x / 3 - y", False),
        ("x = torch.zeros_like(x)", False),
    ],
)
def test_where_gradients_may_be_wanted_a_branch_that_may_be_infinite_stays(body: str, stays: bool) -> None:
    asked = "def g(x):\n    return torch.autograd.grad(x.sum(), x)\n\n"
    assert ("Gradients may be wanted" in after("x.max() > 1", body, head=asked)) is stays
