"""Writes by a mask: the text before and after, and what is left alone."""

from __future__ import annotations

import pytest

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "x": tensor("cuda", "float32", 2, 3, 4),
    "y": tensor("cuda", "float32", 2, 3, 4),
    "h": tensor("cuda", "float16", 2, 3, 4),
    "m": tensor("cuda", "bool", 2, 3, 4),
    "row": tensor("cuda", "bool", 2),
    "other": tensor("cuda", "bool", 3),
    "plane": tensor("cuda", "float32", 3, 4),
    "columns": tensor("cuda", "bool", 4),
    "levels": tensor("cuda", "float32", 9),
    "picked": tensor("cuda", "int64", 2),
    "on_host": tensor("cpu", "float32", 2, 3, 4),
    "cfg": SeenValue(kind="other", type_name="dict"),
    'cfg["share"]': SeenValue(kind="number", dtype="float"),
    'cfg["table"]': tensor("cuda", "float32", 9),
    "share": SeenValue(kind="array", dtype="float64"),
    "shares": SeenValue(kind="array", dtype="float64", shape=(9,)),
}


def after(statement: str, expression: str) -> str:
    names = ", ".join(each for each in VALUES if each.isidentifier())
    text = f"import torch\n\ndef f({names}):\n    {statement}  # known\n"
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
        ("x[:, (plane != 0)] = y[:, (plane != 0)]", "y[:, (plane != 0)]", "x.copy_(torch.where(plane != 0, y, x))"),
        ("x[:, :, columns] = 0.5", "x[:, :, columns]", "x.copy_(torch.where(columns, 0.5, x))"),
        ("x[:, other] = y[:, other]", "x[:, other]", "x.copy_(torch.where(other[..., None], y, x))"),
        ("x[m] = -x[m]", "x[m]", "x.copy_(torch.where(m, -x, x))"),
        ("x[m] *= 0.5", "x[m]", "x.copy_(torch.where(m, x * 0.5, x))"),
        ("x[m] -= y[m] + 1", "y[m]", "x.copy_(torch.where(m, x - (y + 1), x))"),
        ("x[m] = levels[3]", "x[m]", "x.copy_(torch.where(m, levels[3], x))"),
        ("x[m] = y[m].clone()", "x[m]", "x.copy_(torch.where(m, y, x))"),
        (
            "x[:, on : on + 2][m] = y[m]",
            "x[:, on : on + 2][m]",
            "x[:, on : on + 2].copy_(torch.where(m, y, x[:, on : on + 2]))",
        ),
        ("x[m] = (2 * (y - x))[m]", "x[m]", "x.copy_(torch.where(m, (2 * (y - x)), x))"),
        ("x[m] = -1 * y.expand_as(x)[m]", "x[m]", "x.copy_(torch.where(m, -1 * y.expand_as(x), x))"),
        ("x[m] *= 1.0 - cfg['share']", "x[m]", "x.copy_(torch.where(m, x * (1.0 - cfg['share']), x))"),
        ("x[m] *= min(cfg['share'], 2)", "x[m]", "x.copy_(torch.where(m, x * min(cfg['share'], 2), x))"),
        ("x[m] = share * shares[3] * y[m]", "x[m]", "x.copy_(torch.where(m, share * shares[3] * y, x))"),
        (
            "x[m] = (y[m] * share).pow(2).clamp(min=0).sqrt()",
            "x[m]",
            "x.copy_(torch.where(m, (y * share).pow(2).clamp(min=0).sqrt(), x))",
        ),
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
        ("x[m] = y[m] ** share", "x[m]", "not what the same mask selects"),
        ("x[other] = y[other]", "x[other]", "the shape of the dimensions"),
        ("x[:, row] = y[:, row]", "x[:, row]", "the shape of the dimensions"),
        ("x[:, m] = y[:, m]", "x[:, m]", "the shape of the dimensions"),
        ("x[:, other] = y[other]", "x[:, other]", "not what the same mask selects"),
        ("x[1:, other] = y[1:, other]", "x[1:, other]", "No number is written"),
        ("x[:, picked] = y[:, picked]", "x[:, picked]", "was not seen that a mask"),
        ("x[picked] = y[picked]", "x[picked]", "was not seen that a mask"),
        ("on_host[m] = y[m]", "on_host[m]", "was not seen that a mask"),
        ("x[m] = levels", "x[m]", "not what the same mask selects"),
        ("a = x[m] = y[m]", "x[m]", "how many they are matters"),
        ("x[m] *= cfg['table']", "x[m]", "not what the same mask selects"),
        ("x[m] = y[m].cumsum(0)", "x[m]", "not what the same mask selects"),
        ("x[m] = y[m].exp_()", "x[m]", "not what the same mask selects"),
        ("x[m] = torch.sin(y[m], out=h)", "x[m]", "not what the same mask selects"),
        ("x[m] = y[m].pow(share)", "x[m]", "not what the same mask selects"),
        ("x[row] = (2 * y)[row]", "x[row]", "shape and type of the target"),
    ],
)
def test_what_cannot_be_shown_stays(statement: str, expression: str, reason: str) -> None:
    said = after(statement, expression)
    assert said.startswith("declined")
    assert reason in said


@pytest.mark.parametrize(
    ("value", "everywhere"),
    [("y[m].exp()", "y.exp()"), ("torch.sin(y[m] * 0.5) / y[m]", "torch.sin(y * 0.5) / y")],
)
def test_functions_are_computed_everywhere_where_no_gradient_is_wanted(value: str, everywhere: str) -> None:
    assert after(f"x[m] = {value}", "x[m]") == f"x.copy_(torch.where(m, {everywhere}, x))"
    asked = f"import torch\n\ndef f(x, y, m):\n    x[m] = {value}\n    return torch.autograd.grad(x.sum(), y)\n"
    site, sources = site_at(asked, "x[m]", kind="SYNC", op="aten::index_put_", dtype="bool", values=VALUES)
    assert "Gradients may be wanted" in rewritten("select-by-mask", site, sources)


def block(*lines: str, expression: str, occurrence: int = 0) -> str:
    body = "".join(f"    {line}\n" for line in lines)
    text = f"import torch\n\ndef f(x, y, h, m, row, levels, tokens, known):\n{body}    return x\n"
    values = {**VALUES, "tokens": tensor("cuda", "int64", 2, 3), "known": tensor("cuda", "bool", 2, 3)}
    site, sources = site_at(text, expression, occurrence, kind="SYNC", op="aten::index_put_", values=values)
    return rewritten("select-by-mask", site, sources)


@pytest.mark.parametrize("expression", ["tokens[known]", "x[known, tokens[known]]"])
def test_one_entry_of_each_row_is_written(expression: str) -> None:
    said = block("x[known, tokens[known]] = -1.0", expression=expression)
    assert "    entries = torch.where(known, tokens, 0).unsqueeze(-1)\n" in said
    fresh = "x.gather(-1, entries).masked_fill(known.unsqueeze(-1), -1.0)"
    assert f"    x.scatter_(-1, entries, {fresh})\n    return x\n" in said


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("x[known, tokens[known]] = y[known, tokens[known]]", "No number"),
        ("x[known, tokens[row]] = 0", "No number"),
        ("x[m, tokens[m]] = 0", "the shape of the rows"),
        ("x[known, levels[known]] = 0", "the shape of the rows"),
    ],
)
def test_other_entries_stay(statement: str, reason: str) -> None:
    said = block(statement, expression=statement.partition(" = ")[0])
    assert said.startswith("declined")
    assert reason in said


def test_what_a_name_carries_is_chosen_where_it_is_put() -> None:
    said = block("kept = y[m]", "x = 2 * y", "x[m] = kept", expression="x[m]")
    assert said.endswith("    x = 2 * y\n    x.copy_(torch.where(m, y, x))\n    return x\n")
    assert "kept" not in said


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("kept = y[m]", "x[m] = kept**3 / 3 + 2 * kept"), ("x.copy_(torch.where(m, y**3 / 3 + 2 * y, x))",)),
        (
            ("kept = y[m]", "share = 0.5 - 1 / 3", "part = kept * share", "x[m] = part - kept"),
            ("share = 0.5 - 1 / 3", "x.copy_(torch.where(m, (y * share) - y, x))"),
        ),
        (
            ("def cubed(v):", "    return v**3 - v / 2", "kept = y[m]", "x[m] = cubed(kept) - cubed(0.5)"),
            ("def cubed(v):", "    return v**3 - v / 2", "x.copy_(torch.where(m, cubed(y) - cubed(0.5), x))"),
        ),
        (
            ("kept = y[m]", "x[m] = kept + 1", "x = x + kept.sum()"),
            ("kept = y[m]", "x.copy_(torch.where(m, y + 1, x))", "x = x + kept.sum()"),
        ),
    ],
)
def test_formulas_of_what_a_name_carries_are_computed_everywhere(
    lines: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    put = next(line for line in lines if line.startswith("x["))
    said = block(*lines, expression=put.partition(" = ")[0])
    assert said.endswith("".join(f"    {line}\n" for line in (*expected, "return x")))


@pytest.mark.parametrize(
    "lines",
    [
        ("kept = y[m]", "x = y", "x *= 2", "x[m] = kept"),
        ("kept = y[m]", "x = 2 * y", "y += 1", "x[m] = kept"),
        ("kept = y[m]", "levels.add_(x)", "x[m] = kept"),
        ("kept = y[m]", "part = kept + kept.mean()", "x[m] = 2 * part"),
        ("kept = y[m]", "part = kept + 1", "part = part * 2", "x[m] = part"),
        ("kept = y[~m]", "x[m] = kept**2"),
        ("kept = y[m]", "x = 2 * y", "m = ~m", "x[m] = kept"),
        ("kept = y[m]", "x = 2 * y", "if len(kept):", "    x[m] = kept"),
        ("kept = h[m]", "x = 2 * y", "x[m] = kept"),
        ("kept = y[row]", "x = 2 * y", "x[row] = kept"),
    ],
)
def test_what_may_have_changed_on_the_way_stays(lines: tuple[str, ...]) -> None:
    put = next(line.strip() for line in lines if line.strip().startswith("x["))
    assert block(*lines, expression=put.partition(" = ")[0]).startswith("declined")


def test_an_expression_over_several_lines_keeps_them() -> None:
    lines = ("x[m] = (", "    y[m]  # twice", "    * 2", ") / 3")
    said = block(*lines, expression="x[m]")
    assert "x.copy_(torch.where(m, (\n        y  # twice\n        * 2\n    ) / 3, x))\n" in said


@pytest.mark.parametrize(("value", "stays"), [("2 * y[m]", False), ("1 / y[m]", True), ("y[m].sqrt()", True)])
def test_where_gradients_are_wanted_nothing_is_divided_that_was_not(value: str, stays: bool) -> None:
    text = f"import torch\n\ndef f(x, y, m):\n    x[m] = {value}\n    return torch.autograd.grad(x.sum(), y)\n"
    site, sources = site_at(text, "x[m]", kind="SYNC", op="aten::index_put_", values=VALUES)
    said = rewritten("select-by-mask", site, sources)
    assert ("Gradients may be wanted" in said) == stays
