"""Lists of scalars on the device: stacked or fetched together there, and left alone where the dtype is in doubt."""

from __future__ import annotations

import pytest

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "t": tensor("cuda", "float32"),
    "u": tensor("cuda", "float64"),
    "k": tensor("cuda", "int64"),
    "table": tensor("cuda", "float32", 9),
    "order": tensor("cuda", "int64", 3),
    "mask": tensor("cuda", "uint8", 3),
    "rows": tensor("cuda", "int64", 3, 2),
    "i": SeenValue(kind="number", dtype="int"),
    "j": tensor("cuda", "int64"),
}


def after(fix: str, code: str, read: str, dtype: str) -> str:
    text = f"import torch\n\ndef f(t, u, k, i, d, table, order, mask, rows, things):\n    return {code}\n"
    site, sources = site_at(
        text, read, kind="SYNC", op="aten::_local_scalar_dense", dtype=dtype, shape=(), values=VALUES, function="f"
    )
    return rewritten(fix, site, sources)


@pytest.mark.parametrize(
    ("code", "read", "expected"),
    [
        ("torch.tensor([t, t * 2, table[i]], device=d)", None, "declined: "),
        ("torch.tensor([t, table[i]], device=d)", None, "torch.stack([t, table[i]])"),
        (
            "torch.tensor([t.item(), i]).to(d)",
            "t.item()",
            "torch.stack([t, torch.full((), i, dtype=torch.float32, device=d)])",
        ),
        ("torch.tensor([float(k), 1.0]).to(d)", "float(k)", "torch.stack([k.to(torch.float32), "),
        ("torch.tensor([t, u], device=d)", None, "declined: "),
        ("torch.tensor([t, u], dtype=torch.float32, device=d)", None, "torch.stack([t, u.to(torch.float32)])"),
        ("torch.tensor([int(t), i]).to(d)", "int(t)", "declined: "),
        ("torch.tensor([t, things[i]], device=d)", None, "declined: "),
        ("torch.tensor([t, *things], device=d)", None, "declined: "),
        ("torch.tensor([float(t)]).to(d)", "float(t)", "t.expand(1).clone()"),
        ("torch.tensor([float(t)])", "float(t)", "declined: "),
    ],
)
def test_a_list_of_scalars(code: str, read: str | None, expected: str) -> None:
    said = after("keep-scalar-on-device", code, read or code, "int64" if read == "float(k)" else "float32")
    assert said.startswith("declined: ") if expected == "declined: " else f"return {expected}" in said, said


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("torch.stack([table[j] for j in order])", "table[order]"),
        ("torch.stack([table[j] for j in mask])", None),
        ("torch.stack([table[j] for j in order if j > 0])", None),
        ("torch.stack([table[j] for j in order], 1)", None),
        ("list([table[j] for j in order])", None),
    ],
)
def test_entries_of_a_table_are_fetched_together(code: str, expected: str | None) -> None:
    said = after("index-on-device", code, "table[j]", "int64")
    assert (f"return {expected}\n" in said) if expected else "table[order]" not in said, said


def listed(device: str, **event: object) -> str:
    text = "import torch\n\ndef f(steps, d):\n    return torch.tensor(steps, device=d)\n"
    values = {"steps": SeenValue(kind="other", type_name="list", device=device, shape=(4,))}
    fields: dict[str, object] = {"op": "aten::copy_", "dtype": "int64", "shape": (4,), "values": values, **event}
    site, sources = site_at(text, "torch.tensor(steps, device=d)", kind="H2D", **fields)
    return rewritten("create-on-device", site, sources)


def test_a_list_that_never_changes_is_no_matter_of_a_kernel_for_each_number() -> None:
    assert "torch.stack([" in listed("")
    assert listed("", identical_content=True).startswith("declined: ")
    assert "torch.stack([" in listed("cuda", identical_content=True)


@pytest.mark.parametrize(
    ("dtype", "count", "expected"),
    [
        (
            "float32",
            8,
            "torch.stack([torch.as_tensor(each, dtype=torch.float32, device=d) for each in latest(things, 2)])",
        ),
        ("float64", 8, "declined: "),
        ("float32", 100, "declined: "),
    ],
)
def test_what_a_call_lists_stays_where_it_lies(dtype: str, count: int, expected: str) -> None:
    text = "import torch\n\ndef f(things, d):\n    return torch.FloatTensor(latest(things, 2)).to(d)\n"
    site, sources = site_at(
        text,
        "torch.FloatTensor(latest(things, 2))",
        kind="SYNC",
        op="aten::_local_scalar_dense",
        dtype=dtype,
        shape=(),
        count=count,
        steps=(0, 1, 2, 3),
    )
    assert expected in rewritten("keep-scalar-on-device", site, sources)
