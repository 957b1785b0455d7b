"""Assertions about numbers on the device are checked there, and those about more than that on the host."""

from __future__ import annotations

import pytest

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "x": tensor("cuda", "int64", 2, 3),
    "y": tensor("cuda", "float32"),
    "n": SeenValue(kind="number", dtype="int"),
}


def after(body: str, read: str) -> str:
    text = f"import torch\n\ndef f(x, y, n, things):\n    {body}\n    return x\n"
    site, sources = site_at(text, read, kind="SYNC", op="aten::_local_scalar_dense", shape=(), values=VALUES)
    return rewritten("assert-on-device", site, sources)


@pytest.mark.parametrize(
    ("body", "read", "expected"),
    [
        ("assert x.max().item() < n, f'{x.max()}'", "x.max().item()", "torch._assert_async(x.max() < n)"),
        ("assert 1e-3 > float(y), 'too far'", "float(y)", "torch._assert_async(1e-3 > y, 'too far')"),
        ("assert (x >= 0).all()", "(x >= 0).all()", "torch._assert_async((x >= 0).all())"),
        (
            "assert x.max().item() < things",
            "x.max().item()",
            "torch._assert_async(torch.as_tensor(x.max() < things))",
        ),
        (
            "assert not torch.any(torch.isnan(x))",
            "not torch.any(torch.isnan(x))",
            "torch._assert_async(~torch.any(torch.isnan(x)))",
        ),
    ],
)
def test_the_device_checks_itself(body: str, read: str, expected: str) -> None:
    assert f"    {expected}\n" in after(body, read)


@pytest.mark.parametrize(
    ("check", "read", "expected"),
    [
        (
            "if torch.isnan(x).any(): raise RuntimeError('no number')",
            "torch.isnan(x).any()",
            "torch._assert_async(~torch.isnan(x).any(), 'no number')",
        ),
        (
            "if x.max().item() > n:\n        raise RuntimeError('too far', x.max().item())",
            "x.max().item()",
            "torch._assert_async(~(x.max() > n), 'too far')",
        ),
        (
            "if x[0].item() > things.most:\n        raise AssertionError",
            "x[0].item()",
            "torch._assert_async(~torch.as_tensor(x[0] > things.most))",
        ),
        ("if x.max().item() > n:\n        raise ValueError('too far')", "x.max().item()", "declined: "),
        ("if x.max().item() > n:\n        raise RuntimeError\n    else: x = -x", "x.max().item()", "declined: "),
        ("if x.max().item() > n:\n        print(x)\n        raise RuntimeError", "x.max().item()", "declined: "),
        ("if x.max().item() > n:\n        raise RuntimeError from things", "x.max().item()", "declined: "),
        ("if x.max().item() > n: raise RuntimeError; return x", "x.max().item()", "declined: "),
        (
            "if n > 3:\n        x = -x\n    elif x.max().item() > n:\n        raise RuntimeError",
            "x.max().item()",
            "declined: ",
        ),
    ],
)
def test_what_is_raised_where_a_check_fails_the_device_raises(check: str, read: str, expected: str) -> None:
    said = after(check, read)
    assert f"    {expected}\n" in said if not expected.startswith("declined") else said.startswith(expected)


@pytest.mark.parametrize(
    ("test", "event", "expected"),
    [
        ("torch.isnan(x).int().sum() == 0", {"dtype": "bool"}, "torch._assert_async(torch.isnan(x).int().sum() == 0)"),
        ("x.max() < n", {"dtype": "bool"}, "torch._assert_async(x.max() < n)"),
        (
            "torch.allclose(x, y, atol=1e-4)",
            {"op": "aten::allclose"},
            "torch._assert_async(torch.isclose(x, y, atol=1e-4).all())",
        ),
        ("things(x) < n", {"dtype": "bool"}, "torch._assert_async(torch.as_tensor(things(x) < n))"),
        ("x.max() < things", {"dtype": "bool"}, "torch._assert_async(torch.as_tensor(x.max() < things))"),
        ("(n <= x) & (x < y)", {"dtype": "bool"}, "torch._assert_async(torch.as_tensor((n <= x) & (x < y)))"),
        ("n <= x < y", {"dtype": "bool"}, "declined: "),
        ("x.max() < things", {}, "declined: "),
        ("torch.isnan(x).int().sum() == 0", {}, "declined: "),
    ],
)
def test_a_truth_that_was_awaited_lies_on_the_device(test: str, event: dict[str, str], expected: str) -> None:
    text = f"import torch\n\ndef f(x, y, n, things):\n    assert {test}\n    return x\n"
    fields: dict[str, object] = {"op": "aten::_local_scalar_dense", **event}
    site, sources = site_at(text, test, kind="SYNC", shape=(), values=VALUES, **fields)
    assert expected in rewritten("assert-on-device", site, sources)


@pytest.mark.parametrize("read", ["x.min().item()", "x.max().item()"])
def test_what_is_joined_is_checked_one_after_the_other(read: str) -> None:
    changed = after("assert x.min().item() >= 0 and n > 3 and x.max().item() < n, 'far'", read)
    expected = (
        "    torch._assert_async(x.min() >= 0, 'far')\n    assert n > 3, 'far'\n"
        "    torch._assert_async(x.max() < n, 'far')\n"
    )
    assert expected in changed


NAMED = "\n    ".join(
    (
        "largest = x.abs().max().item()",
        "error = float(y)",
        "share = error / (largest + 1e-9)",
        "assert share < 1e-2, f'{share}'",
        "assert error < n",
    )
)


@pytest.mark.parametrize("read", ["x.abs().max().item()", "float(y)"])
def test_numbers_that_get_a_name_first_stay_there_too(read: str) -> None:
    changed = after(NAMED, read)
    assert "    largest = x.abs().max()\n    error = y\n    share = error / (largest + 1e-9)\n" in changed
    assert "    torch._assert_async(share < 1e-2)\n    torch._assert_async(error < n)\n" in changed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("assert error < n", "print(error)"),
        ("assert error < n", "assert error < things"),
        ("assert error < n", "assert error < n or n"),
        ("assert error < n", "error = 3"),
        ("share = error / (largest + 1e-9)", "share = math.log(error) / largest"),
        ("error = float(y)", "error = float(y) + 1"),
        ("error = float(y)", "error, k = float(y), 1"),
    ],
)
def test_numbers_that_are_used_for_more_are_read(old: str, new: str) -> None:
    assert after(NAMED.replace(old, new), "float(y)").startswith("declined: ")


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("if x.max().item() > n:\n        raise ValueError", "x.max().item()"),
        ("assert x.max().item() < n or n > 3", "x.max().item()"),
        ("assert x.max().item() < n and things", "x.max().item()"),
        ("assert int(y) < n", "int(y)"),
        ("assert 0 < x.max().item() < n", "x.max().item()"),
        ("assert x.max().item() in things", "x.max().item()"),
        ("assert (x > 0).all(0).all().item()", "(x > 0).all(0).all().item()"),
        ("assert (x > 0).all(); n = 3", "(x > 0).all()"),
        ("n = lambda: x.max().item()", "x.max().item()"),
    ],
)
def test_what_is_more_than_one_comparison_is_asserted_on_the_host(body: str, read: str) -> None:
    assert after(body, read).startswith("declined: ")
