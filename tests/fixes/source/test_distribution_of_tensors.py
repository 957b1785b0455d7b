"""Numbers of a distribution become tensors on the device, of the dtype that PyTorch gives them."""

from __future__ import annotations

import pytest

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "x": tensor("cuda", "float16", 2, 3),
    "labels": tensor("cuda", "int64", 2, 3),
    "host": tensor("cpu", "float32", 2, 3),
    "n": SeenValue(kind="number", dtype="int"),
    "share": SeenValue(kind="number", dtype="float"),
}
HEAD = "import torch\nimport torch.distributions as D"


def after(made: str, dtype: str = "float16", head: str = HEAD) -> str:
    text = f"{head}\n\ndef f(x, labels, host, n, share):\n    return {made}\n"
    site, sources = site_at(text, made, kind="H2D", op="aten::copy_", dtype=dtype, shape=(), values=VALUES)
    return rewritten("distribution-of-tensors", site, sources)


@pytest.mark.parametrize(
    ("made", "dtype", "expected"),
    [
        ("D.Normal(x, 0.5)", "float16", "D.Normal(x, torch.full((), 0.5, dtype=x.dtype, device=x.device))"),
        ("D.Normal(2 * x, share)", "float16", "D.Normal(2 * x, torch.full((), share, dtype=x.dtype, device=x.device))"),
        (
            "D.Laplace(loc=share * labels, scale=share / n)",
            "float32",
            "D.Laplace(loc=share * labels, scale=torch.full((), share / n, device=labels.device))",
        ),
    ],
)
def test_the_number_goes_along_with_a_kernel(made: str, dtype: str, expected: str) -> None:
    assert f"    return {expected}\n" in after(made, dtype)


@pytest.mark.parametrize(
    ("made", "dtype", "reason"),
    [
        ("mine.Normal(x, 0.5)", "float16", "No distribution"),
        ("D.Normal(x, labels)", "float16", "beside a tensor"),
        ("D.Normal(0.0, share)", "float32", "beside a tensor"),
        ("D.Normal(host, 0.5)", "float32", "lies on the device"),
        ("D.Normal(share * labels, n)", "float32", "a fraction"),
        ("D.Normal(x.float(), 0.5)", "float32", "of which dtype"),
    ],
)
def test_what_was_not_seen_is_left_alone(made: str, dtype: str, reason: str) -> None:
    text = after(made, dtype)
    assert text.startswith("declined: ")
    assert reason in text
