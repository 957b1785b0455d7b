"""Writes by a mask: the text before and after, and what is left alone."""

from __future__ import annotations

import pytest

from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "x": tensor("cuda", "float32", 2, 3, 4),
    "y": tensor("cuda", "float32", 2, 3, 4),
    "h": tensor("cuda", "float16", 2, 3, 4),
    "m": tensor("cuda", "bool", 2, 3, 4),
    "row": tensor("cuda", "bool", 2),
    "other": tensor("cuda", "bool", 3),
    "levels": tensor("cuda", "float32", 9),
    "picked": tensor("cuda", "int64", 2),
    "on_host": tensor("cpu", "float32", 2, 3, 4),
}


def after(statement: str, expression: str) -> str:
    text = f"import torch\n\ndef f(x, y, h, m, row, other, levels, picked, on_host):\n    {statement}  # known\n"
    site, sources = site_at(text, expression, kind="SYNC", op="aten::index_put_", values=VALUES)
    said = rewritten("select-by-mask", site, sources)
    return said if said.startswith("declined") else said.splitlines()[3].strip().removesuffix("  # known")


@pytest.mark.parametrize(
    ("statement", "expression", "expected"),
    [
        ("x[m] = y[m]", "y[m]", "x.copy_(torch.where(m, y, x))"),
        ("x[m] = y[m]", "x[m]", "x.copy_(torch.where(m, y, x))"),
        ("x[~m] = y[~m] * 2 + 1", "y[~m]", "x.copy_(torch.where(~m, y * 2 + 1, x))"),
        ("x[y > 0.5] = (x[y > 0.5] + 1) / 3", "x[y > 0.5]", "x.copy_(torch.where(y > 0.5, (x + 1) / 3, x))"),
        ("x[row] = y[row]", "y[row]", "x.copy_(torch.where(row[..., None, None], y, x))"),
        ("x[m] *= 0.5", "x[m]", "x.copy_(torch.where(m, x * 0.5, x))"),
        ("x[m] -= y[m] + 1", "y[m]", "x.copy_(torch.where(m, x - (y + 1), x))"),
        ("x[m] = levels[3]", "x[m]", "x.copy_(torch.where(m, levels[3], x))"),
    ],
)
def test_every_element_is_chosen(statement: str, expression: str, expected: str) -> None:
    assert after(statement, expression) == expected


@pytest.mark.parametrize(
    ("statement", "expression", "reason"),
    [
        ("return x[m].mean()", "x[m]", "how many they are matters"),
        ("x[m] = y[~m]", "x[m]", "not what the same mask selects"),
        ("x[m] = h[m]", "x[m]", "shape and type of the target"),
        ("x[m] = y[m] ** 2", "x[m]", "not what the same mask selects"),
        ("x[other] = y[other]", "x[other]", "the shape of the first dimensions"),
        ("x[picked] = y[picked]", "x[picked]", "was not seen that a mask"),
        ("on_host[m] = y[m]", "on_host[m]", "was not seen that a mask"),
        ("x[m] = levels", "x[m]", "not what the same mask selects"),
        ("a = x[m] = y[m]", "x[m]", "how many they are matters"),
    ],
)
def test_what_cannot_be_shown_stays(statement: str, expression: str, reason: str) -> None:
    said = after(statement, expression)
    assert said.startswith("declined")
    assert reason in said
