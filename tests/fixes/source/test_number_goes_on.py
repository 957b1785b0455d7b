"""Numbers that are read from the device and go on in arithmetic: what is left to the device, and what is left alone."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "n": tensor("cuda", "float32"),
    "row": tensor("cuda", "float32", 1, 1),
    "x": tensor("cuda", "float32", 2, 3),
    "half": tensor("cuda", "float16", 2, 3),
    "one": tensor("cuda", "float32"),
    "s": SeenValue(kind="number", dtype="float"),
}


def after(body: str, read: str = "n.item()", shape: tuple[int, ...] = (), dtype: str = "float32") -> str:
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    text = f"import math\nimport torch\n\ndef f(x, half, n, row, one, s):\n{lines}\n    return x\n"
    site, sources = site_at(text, read, kind="SYNC", dtype=dtype, shape=shape, values=VALUES)
    return rewritten("keep-scalar-on-device", site, sources)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("r = n.item()\nx = x - 0.1 * r * x", "r = n.double()"),
        ("r = 0.1 / n.item()\nx -= r * x", "r = 0.1 / n.double()"),
        ("r = -n.item() * s\nq = r + 1\nx = q * (x + 1) - r * x.exp()", "r = -n.double() * s"),
        ("x = x / (2 * n.item())", "x = x / (2 * n.double())"),
    ],
)
def test_what_python_computes_in_doubles_the_device_does(body: str, expected: str) -> None:
    assert expected in after(body)


def test_a_number_of_a_tensor_with_dimensions_has_none() -> None:
    assert "r = row.double().squeeze()\n" in after("r = row.item()\nx = r * 2 * x", "row.item()", (1, 1))


@pytest.mark.parametrize(
    "body",
    [
        "r = n.item()\nprint(r)\nx = r * 2 * x",  # shown
        "r = n.item()\nif r > 1:\n    x = r * 2 * x",  # decided by
        "r = n.item()\nx = r * 2 * half",  # rounded twice
        "r = n.item()\nx = x + math.sqrt(r * 2)",  # asked of Python
        "r = n.item()\nx = (r * 2) ** 2 * x",
        "r = n.item()\nx = r * 2 * one * x",  # single precision without dimensions
        "r = n.item()\nx = r * 2 * g() * x",  # of anything
        "r = n.item()\nr = r * 2\nx = r * x",  # given twice
        "for i in range(2):\n    if i:\n        x = x + r\n    r = n.item()\n    x = 2 * r * x",  # the next pass
        "r = n.item()\nx = 2 * r * x\nlater = lambda: r",
        "r = n.item()",
    ],
)
def test_what_else_a_number_is_for_keeps_it(body: str) -> None:
    assert after(body).startswith("declined: ")


def test_a_double_that_may_be_written_to_is_copied() -> None:
    assert "r = n.double().clone()\n" in after("r = n.item()\nn.mul_(2)\nx = r * 2 * x", dtype="float64")


def test_whole_numbers_are_no_doubles() -> None:
    assert after("r = n.item()\nx = 2 * r * x", dtype="int64").startswith("declined: ")


@given(
    st.floats(-1e6, 1e6, width=32), st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.sampled_from(["float32", "float64"])
)
def test_a_double_without_dimensions_is_rounded_as_a_float_of_python(
    number: float, factor: float, term: float, dtype: str
) -> None:
    n = torch.tensor([number]).squeeze()
    x = torch.linspace(-3, 3, 7, dtype=getattr(torch, dtype))
    ours, python = n.double(), n.item()
    for one, other in (
        ((ours * factor + term) * x, (python * factor + term) * x),
        (x - (ours - term), x - (python - term)),
        (x + -ours, x + -python),
    ):
        assert one.dtype == other.dtype
        assert torch.equal(one, other)
