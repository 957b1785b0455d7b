"""A tensor that is taken to a table on the host and back: the table comes to it, where that does the same."""

from __future__ import annotations

import pytest

from sdprof.fixes.source.registry import rewrite_module
from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "x": tensor("cuda", "float32", 4),
    "i": tensor("cuda", "int64", 4),
    "table": tensor("cpu", "float32", 9),
    "last": tensor("cpu", "float32"),
    "large": tensor("cpu", "float32", 300, 300),
    "self.table": tensor("cpu", "float32", 9),
    "n": SeenValue(kind="number", dtype="int"),
    "names": SeenValue(kind="other", type_name="list"),
}


def after(body: str, read: str) -> str:
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    text = f"import torch\n\ndef f(self, x, i, table, last, large, n, names, shown):\n{lines}"
    site, sources = site_at(text, read, kind="D2H", dtype="int64", values=VALUES, function="f")
    said = rewritten("stay-on-device", site, sources)
    return said if said.startswith("declined") else said.split("shown):\n")[1]


@pytest.mark.parametrize(
    ("body", "read", "expected"),
    [
        (
            "return (x.to(table.device) - table[:, None]).abs().argmin(dim=0).view(x.shape).to(x.device)",
            "x.to(table.device)",
            "return (x - _on_device(table, x.device)[:, None]).abs().argmin(dim=0).view(x.shape).to(x.device)",
        ),
        (
            "apart = x.cpu() - self.table[:n]\nreturn apart.abs().min(dim=0).to(x)",
            "x.cpu()",
            "apart = x - _on_device(self.table, x.device)[:n]",
        ),
        (
            "return torch.where(i.cpu() >= 0, table.gather(0, index=i.cpu()), last).to(x.device)",
            "i.cpu()",
            "torch.where(i >= 0, _on_device(table, i.device).gather(0, index=i), _on_device(last, i.device)).to(",
        ),
        ("return table[i.cpu()].cuda()", "i.cpu()", "return _on_device(table, i.device)[i].cuda()"),
    ],
)
def test_the_table_comes_to_the_tensor(body: str, read: str, expected: str) -> None:
    assert expected in after(body, read)


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ("return (x.cpu() - table).abs()", "x.cpu()"),
        ("apart = x.cpu() - table\nshown(apart)\nreturn apart.to(x.device)", "x.cpu()"),
        ("return (x.cpu() - large).sum().to(x.device)", "x.cpu()"),
        ("return shown(x.cpu() - table).to(x.device)", "x.cpu()"),
        ("return (x.cpu() - table[names]).to(x.device)", "x.cpu()"),
        ("return (x.cpu() / table).long().to(x.device)", "x.cpu()"),
        ("return (x.cpu() - table).to('cpu')", "x.cpu()"),
        ("return torch.where(x.cpu() > 0, table, last, out=table).to(x.device)", "x.cpu()"),
    ],
)
def test_what_may_do_something_else_there_stays(body: str, read: str) -> None:
    assert after(body, read).startswith("declined: ")


@pytest.mark.parametrize(("formula", "exact"), [("x.cpu() - table", True), ("(x.cpu() * table).exp()", False)])
def test_what_the_device_may_round_otherwise_is_said(formula: str, exact: bool) -> None:
    text = f"import torch\n\ndef f(x, table):\n    return ({formula}).to(x.device)\n"
    site, sources = site_at(text, "x.cpu()", kind="D2H", dtype="float32", values=VALUES, function="f")
    (edit,) = rewrite_module("stay-on-device").rewrite(site, sources)
    assert (edit.numerics, edit.proof) == (("exact", "data") if exact else ("rounding", "arithmetic"))
    assert edit.helpers == ("_on_device",)
