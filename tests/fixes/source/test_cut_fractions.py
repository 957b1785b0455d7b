"""Which whole numbers are cut from fractions that a device may round in its own way."""

from __future__ import annotations

import ast

import pytest

from sdprof.fixes.source.module_source import ModuleSource
from sdprof.fixes.source.reading.on_host.cut_fractions import cuts_fractions
from sdprof.model import SeenValue
from tests.fixes.source.by_hand import FILE, rewritten, site_at, tensor

VALUES = {
    "t": tensor("cuda", "int64"),
    "level": tensor("cuda", "float32"),
    "share": SeenValue(kind="number", dtype="float"),
    "n": SeenValue(kind="number", dtype="int"),
    "table": tensor("cpu", "float32", 9),
}


def cuts(code: str) -> bool:
    source = ModuleSource(FILE, code)
    statement = source.tree.body[0]
    assert isinstance(statement, ast.Expr)
    return cuts_fractions(source, statement.value, VALUES)


@pytest.mark.parametrize(
    "code",
    [
        "torch.floor(t / share).long()",
        "(t / n).to(torch.long)",
        "(level ** 0.5).round().int()",
        "(level.exp() * n).ceil()",
        "(level / n).type(torch.int64)",
        "int((t * (1 / n)).item())",
        "level // share",
        "torch.round(torch.sqrt(level)) + 1",
    ],
)
def test_quotients_powers_and_functions_may_come_out_otherwise(code: str) -> None:
    assert cuts(code)


@pytest.mark.parametrize(
    "code",
    [
        "int(level.max())",
        "int(t.max()) + 1",
        "int(t.sum())",
        "torch.floor((1 - share) * t).to(dtype=torch.long)",
        "(t + 1).long()",
        "level.long()",
        "torch.round(level * 1000)",
        "t // n - 1",
        "level / share",
        "t.float() * 0.5",
    ],
)
def test_sums_products_and_what_is_only_read_come_out_alike(code: str) -> None:
    assert not cuts(code)


@pytest.mark.parametrize(("made", "cured"), [("t * share", True), ("t / share", False)])
def test_an_index_that_might_become_its_neighbour_is_left_to_the_device(made: str, cured: bool) -> None:
    text = f"def step(self, x, t, share, table):\n    i = torch.floor({made}).long()\n    return x * table[i]\n"
    values = {**VALUES, "i": tensor("cuda", "int64")}
    site, sources = site_at(text, "table[i]", kind="SYNC", op="aten::_local_scalar_dense", dtype="int64", values=values)
    told = [rewritten("read-table-once", site, sources, choice) for choice in range(1 + cured)]
    assert ("_on_host(t)" in "".join(told)) is cured
