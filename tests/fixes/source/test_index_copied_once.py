"""An index of the host's numbers becomes a slice, or is kept; what the text does not tell is left alone."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "x": tensor("cuda", "float32", 3, 4, 5),
    "y": tensor("cuda", "int64", 3),
    "columns": SeenValue(kind="array", dtype="int64", shape=(2,)),
    "n": SeenValue(kind="number", dtype="int"),
    "listed": SeenValue(kind="other", type_name="list", dtype="int", shape=(2,)),
}


def after(body: str, expression: str) -> str:
    text = f"import torch\n\n\ndef f(x, y, columns, n, listed):\n    {body}\n    return z + 1\n"
    site, sources = site_at(
        text, expression, kind="H2D", op="aten::copy_", dtype="int64", shape=(1,), bytes=8, values=VALUES, function="f"
    )
    return rewritten("index-copied-once", site, sources)


def test_a_list_may_be_empty_or_hold_truth_values_in_another_call() -> None:
    text = after("z = x[:, listed]", "x[:, listed]")
    assert "_on_device(torch.as_tensor(listed, dtype=None if listed else torch.long), x.device)" in text
    names: dict[str, Any] = {}
    exec(text, names)
    x = torch.arange(6.0).reshape(2, 3)
    for listed in ([], [2, 0], [True, False, True]):
        assert torch.equal(names["f"](x, x, None, 0, listed), x[:, listed] + 1)


def test_a_number_that_is_written_is_made_on_the_device() -> None:
    kept = "x[:, _on_device(torch.as_tensor(columns), x.device)]"
    for number, written in (("1", "1"), ("-0.5", "-0.5"), ("n", "n")):
        filled = f"torch.full((), {written}, dtype=x.dtype, device=x.device)"
        assert f"    {kept} = {filled}\n" in after(f"x[:, columns] = {number}", "x[:, columns]")
    for other in ("y", "y[0]", "z = 1"):
        said = after(f"x[:, columns] = {other}", "x[:, columns]")
        assert "torch.full" not in said


@pytest.mark.parametrize(
    ("index", "expected"),
    [
        (":, [-1]", ":, -1:"),
        (":, [2]", ":, 2:3"),
        ("..., [-2]", "..., -2:-1"),
        ("[0]", "0:1"),
        ("..., [3], :", "..., 3:4, :"),
        (":, columns", ":, _on_device(torch.as_tensor(columns), x.device)"),
    ],
)
def test_one_number_is_a_slice_and_an_array_is_kept(index: str, expected: str) -> None:
    assert f"    z = x[{expected}] * 2\n" in after(f"z = x[{index}] * 2", f"x[{index}]")


def test_of_several_indices_what_counts_is_counted_there() -> None:
    said = after("z = x[torch.arange(3)[:, None], columns]", "x[torch.arange(3)[:, None], columns]")
    assert "x[torch.arange(3, device=x.device)[:, None], _on_device(torch.as_tensor(columns), x.device)]" in said


def test_a_result_that_is_handed_on_or_kept_is_a_tensor_of_its_own() -> None:
    assert "g(x[:, -1:].clone())" in after("z = g(x[:, [-1]])", "x[:, [-1]]")
    assert "z = x[:, -1:].clone()\n" in after("z = x[:, [-1]]\n    x[:] = 0", "x[:, [-1]]")


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        (":, [4]", "out of range"),
        (":, [n]", "written out"),
        (":, [0, 1]", "written out"),
        ("y, columns.copy()", "One of several indices"),
        ("[0], None", "cannot be told"),
        (":, y", "no array"),
        (":, n", "no array"),
    ],
)
def test_other_indices_are_left_alone(index: str, reason: str) -> None:
    said = after(f"z = x[{index}]", f"x[{index}]")
    assert said.startswith("declined: ")
    assert reason in said


def test_what_a_dictionary_keeps_may_be_one_of_several_indices() -> None:
    values = {**VALUES, "kept": SeenValue(kind="other", type_name="defaultdict")}

    def of(index: str) -> str:
        text = f"import torch\n\n\ndef f(x, y, n, kept):\n    x[y, {index}] = 0\n"
        site, sources = site_at(
            text, f"x[y, {index}]", kind="H2D", op="aten::copy_", dtype="int64", shape=(3,), bytes=8, values=values
        )
        return rewritten("index-copied-once", site, sources)

    expected = "x[y, _on_device(torch.as_tensor(kept[n], dtype=None if kept[n] else torch.long), x.device)] = 0"
    assert expected in of("kept[n]")
    assert of("kept[n()]").startswith("declined: ")


def test_lists_in_a_row_are_an_index() -> None:
    text = after("z = x[:, listed + listed]", "x[:, listed + listed]")
    assert "torch.as_tensor(listed + listed, dtype=None if listed + listed else torch.long)" in text
    assert after("z = x[:, listed + n]", "x[:, listed + n]").startswith("declined: The index, or what is indexed")


def test_of_a_tuple_with_a_name_the_members_on_the_host_are_kept_on_the_device() -> None:
    values = {**VALUES, "rows": tensor("cpu", "int64", 3), "shares": tensor("cpu", "float32", 3)}

    def of(members: str) -> str:
        body = f"index = ({members})\n    z = x[index]"
        text = f"import torch\n\n\ndef f(x, y, rows, shares):\n    {body}\n    return z, index\n"
        site, sources = site_at(
            text, "x[index]", kind="H2D", op="aten::index", dtype="int64", shape=(3, 1), bytes=8, values=values
        )
        return rewritten("index-copied-once", site, sources)

    assert "index = (_on_device(rows[:, None], y.device), y)\n    z = x[index]" in of("rows[:, None], y")
    for others in ("rows, rows", "shares, y", "rows + 1, y"):
        assert of(others).startswith("declined: It was not seen that some indices of the tuple lie on the device")
