"""Numbers wrapped in tensors on the host: the text that makes the same tensor on the device, and what stays."""

from __future__ import annotations

import pytest
import torch

from sdprof.fixes.source.registry import rewrite_module
from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

INT, FLOAT = SeenValue(kind="number", dtype="int"), SeenValue(kind="number", dtype="float")
VALUES = {
    "t": INT,
    "n": INT,
    "s": FLOAT,
    "x": tensor("cuda", "float32", 2, 3),
    "d": SeenValue(kind="other", type_name="device", device="cuda"),
    "times": SeenValue(kind="other", type_name="list", dtype="int", shape=(9,)),
    "things": SeenValue(kind="other", type_name="list", shape=(9,)),
    "level": SeenValue(kind="array", dtype="float64"),
    "small": SeenValue(kind="array", dtype="float32"),
    "levels": SeenValue(kind="array", dtype="float64", shape=(9,)),
    "host": tensor("cpu", "float64", 9),
    "sigma": tensor("cuda", "float32"),
}


def after(code: str, dtype: str = "float32", shape: tuple[int, ...] | None = (1,), **fields: object) -> str:
    text = (
        f"import numpy as np\nimport torch\n\ndef f(x, d, n, s, t, times, things, level, small, levels, host, sigma):\n"
        f"    return {code}\n"
    )
    fields = {"kind": "H2D", "op": "aten::_to_copy", "dtype": dtype, "shape": shape, "values": VALUES, **fields}
    site, sources = site_at(text, code, **fields)
    return rewritten("create-on-device", site, sources)


@pytest.mark.parametrize(
    ("code", "expected", "dtype"),
    [
        ("torch.tensor([t]).long().to(d)", "torch.full((1,), t, device=d).long()", "int64"),
        ('torch.tensor([t], device="cpu").float().to(d)', "torch.full((1,), t, device=d).float()", "float32"),
        ("torch.tensor([t] * n).to(d)", "torch.full((n,), t, device=d)", "int64"),
        ("torch.tensor(n * [t]).to(d)", "torch.full((n,), t, device=d)", "int64"),
        ("torch.tensor([t for _ in range(n)]).to(d)", "torch.full((n,), t, device=d)", "int64"),
        ("torch.tensor([[t]]).to(d)", "torch.full((1, 1), t, device=d)", "int64"),
        ("torch.tensor(t).reshape(1).to(d)", "torch.full((), t, device=d).reshape(1)", "int64"),
        ("torch.Tensor([t]).to(d)", "torch.full((1,), t, dtype=torch.float32, device=d)", "float32"),
        (
            "torch.LongTensor([t]).repeat(n).to(d)",
            "torch.full((1,), t, dtype=torch.int64, device=d).repeat(n)",
            "int64",
        ),
        ("torch.as_tensor(s / 3).expand(n).to(d)", "torch.full((), s / 3, device=d).expand(n)", "float32"),
        (
            "torch.asarray([t], dtype=torch.half).cuda()",
            'torch.full((1,), t, dtype=torch.half, device="cuda")',
            "float16",
        ),
        ("torch.tensor([times[t]]).to(x)", "torch.full((1,), times[t], device=x.device).to(x)", "int64"),
        (
            "torch.tensor([level]).float().to(d)",
            "torch.full((1,), level, dtype=torch.float64, device=d).float()",
            "float32",
        ),
        ("torch.tensor([small]).half().to(d)", "torch.full((1,), small, device=d).half()", "float16"),
        ("torch.tensor([levels[t]]).to(d)", "torch.full((1,), levels[t], dtype=torch.float64, device=d)", "float64"),
        (
            "torch.tensor([host[t]]).float().to(d)",
            "torch.full((1,), host[t], dtype=torch.float64, device=d).float()",
            "float32",
        ),
        ("torch.from_numpy(np.array([s])).to(d)", "torch.full((1,), s, dtype=torch.float64, device=d)", "float64"),
        ("torch.from_numpy(np.array([t])).float().to(d)", "torch.full((1,), t, device=d).float()", "float32"),
        (
            "torch.tensor([t]).to(device=d, dtype=torch.float32)",
            "torch.full((1,), t, device=d).to(torch.float32)",
            "int64",
        ),
        (
            "torch.tensor([t, n]).to(d)",
            "torch.stack([\n        torch.full((), t, dtype=torch.int64, device=d),\n"
            "        torch.full((), n, dtype=torch.int64, device=d),\n    ])",
            "int64",
        ),
        (
            "torch.tensor([t, n], device=d)",
            "torch.stack([\n        torch.full((), t, dtype=torch.int64, device=d),",
            "int64",
        ),
    ],
)
def test_the_device_makes_the_same_tensor(code: str, expected: str, dtype: str) -> None:
    changed = after(code, dtype)
    assert f"return {expected}" in changed, changed
    space = {
        "torch": torch,
        "np": __import__("numpy"),
        "t": 3,
        "n": 2,
        "s": 0.1,
        "x": torch.ones(2, 3),
        "d": "cpu",
        "times": list(range(9)),
        "host": torch.arange(9, dtype=torch.float64) / 7,
    }
    numpy = space["np"]
    space |= {"level": numpy.float64(0.1), "small": numpy.float32(0.1), "levels": numpy.linspace(0, 1, 9)}
    before, now = (
        eval(each.replace(".cuda()", '.to("cpu")').replace('"cuda"', '"cpu"'), dict(space))
        for each in (code, changed.partition("return ")[2])
    )
    assert before.dtype == now.dtype
    assert torch.equal(before, now)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x[[t] * n]", "x[torch.full((n,), t, device=x.device)]"),
        ("x[[t, n]]", "x[torch.stack([torch.full((), t, device=x.device), torch.full((), n, device=x.device)])]"),
        ("x[[s] * n]", "declined: "),
        ("x[things]", "declined: "),
        ("x[[t] * n, 0]", "declined: "),
        ("host[[t] * n]", "declined: "),
        ("(x + 1)[[t] * n]", "declined: "),
    ],
)
def test_an_index_of_changing_numbers_is_filled_in_on_the_device(code: str, expected: str) -> None:
    said = after(code, "int64", (2,))
    assert said.startswith(expected) if expected == "declined: " else f"return {expected}" in said, said


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("torch.tensor([things[t]]).long().to(d)", "may make its data on the host"),
        ("torch.tensor([level / 3 + small]).half().to(d)", "may make its data on the host"),
        ("torch.tensor([next(times)]).float().to(d)", "may make its data on the host"),
        ("torch.tensor(times).float().to(d)", "may make its data on the host"),
        ("torch.Tensor(t).to(d)", "may make its data on the host"),
        ("torch.tensor([t]).requires_grad_().to(d)", "may make its data on the host"),
        ("(torch.tensor([t]).long() + torch.randint(3, (1,))).to(d)", "Random numbers"),
        ("torch.linspace(0, 999, n).long().to(d)", "cut to whole numbers"),
        ("(torch.arange(n) / s).long().to(d)", "cut to whole numbers"),
    ],
)
def test_what_may_come_out_otherwise_stays_on_the_host(code: str, reason: str) -> None:
    said = after(code, "float32", (2,))
    assert said.startswith("declined: ")
    assert reason in said


@pytest.mark.parametrize(
    ("code", "numerics"),
    [
        ("torch.tensor([t]).long().to(d)", "exact"),
        ("(torch.tensor([t]) * 0.5).to(d)", "rounding"),
        ("(torch.ones(n) * t).long().to(d)", "exact"),
        ("(torch.ones(n) * host[t]).to(d)", "rounding"),
    ],
)
def test_only_arithmetic_rounds(code: str, numerics: str) -> None:
    text = f"import torch\n\ndef f(x, d, n, t, host):\n    return {code}\n"
    dtype = "int64" if "long" in code else "float32"
    site, sources = site_at(text, code, kind="H2D", op="aten::_to_copy", dtype=dtype, values=VALUES)
    assert {edit.numerics for edit in rewrite_module("create-on-device").rewrite(site, sources)} == {numerics}


IN_LINE = """
    import torch

    def f(x, d, t, n):
        for t in range(n):
            {before}
            steps = torch.full((n,), t)
            {between}
            steps = steps.to(d)
            x = x + steps
        return x
"""


@pytest.mark.parametrize(
    ("before", "between", "declined"),
    [
        ("pass", "pass", False),
        ("pass", "show(steps)", True),
        ("pass", "if n > 3:\n                steps = steps + 1", True),
        ("pass", "steps += 1", True),
    ],
)
def test_a_name_that_is_bound_again_by_its_move(before: str, between: str, declined: bool) -> None:
    text = IN_LINE.format(before=before, between=between)
    site, sources = site_at(text, "steps.to(d)", kind="H2D", op="aten::_to_copy", dtype="int64", values=VALUES)
    said = rewritten("create-on-device", site, sources)
    assert said.startswith("declined") == declined
    assert declined or ("steps = torch.full((n,), t, device=d)" in said and "steps = steps" not in said)


TABLE = """
    import torch

    def f(net, x, host, n, d):
        for t in range(n):
            {body}
            x = net(x)
        return x
"""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x = x + host[t].repeat(n).to(d)", "x = x + host_on_device[t].repeat(n)"),
        ("x = x + host[t : t + 1].to(d)", "x = x + host_on_device[t : t + 1]"),
        ("s = host[t].to(d)\n            keep(s)", "s = host_on_device[t].clone()"),
        ("x = x + host[t].to(x.device)", "x = x + host_on_device[t]"),
    ],
)
def test_a_table_goes_to_the_device_once(body: str, expected: str) -> None:
    changed = _of_table(body)
    assert expected in changed
    move = "x.device" if "x.device" in body else "d"
    assert f"        host_on_device = host.to({move})\n        for t in range(n):" in changed.replace(
        "\n    ", "\n        "
    )


@pytest.mark.parametrize(
    "body",
    [
        "host[0] = 1\n            x = x + host[t].repeat(n).to(d)",
        "d = pick(t)\n            x = x + host[t].view(1).to(d)",
    ],
)
def test_a_table_that_changes_is_not_copied_in_front_of_the_loop(body: str) -> None:
    assert "host_on_device" not in _of_table(body)


def _of_table(body: str) -> str:
    import textwrap

    from sdprof.model import FunctionSite, LoopMap
    from tests.fixes.source.by_hand import FILE

    text = textwrap.dedent(TABLE.format(body=body))
    line = 1 + text[: text.index("net(x)")].count("\n")
    where = FunctionSite(file=FILE, module="m", qualname="f", first_line=3, call_line=line, user=True)
    loop = LoopMap(hot_module="net", calls=4, loop=where, chain=(), steps=4)
    start = body.index("host[t")
    code = body[start : body.index("\n", start) if "\n" in body[start:] else None]
    site, sources = site_at(
        text, code, kind="H2D", op="aten::_to_copy", dtype="float64", shape=(1,), values=VALUES, function="f", loop=loop
    )
    return rewritten("create-on-device", site, sources)
