"""Reads of tensors that the step makes from what the host knows, and when the tensor itself is read as before."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor

VALUES = {
    "x": tensor("cuda", "float32", 2, 3),
    "y": tensor("cuda", "float32", 2, 3),
    "t": tensor("cuda", "int64", 2),
    "level": tensor("cuda", "float32", 2),
    "share": tensor("cuda", "float32"),
    "only": tensor("cuda", "int64", 1),
    "i": SeenValue(kind="number", dtype="int"),
    "n": SeenValue(kind="number", dtype="int"),
    "s": SeenValue(kind="number", dtype="float"),
    "device": SeenValue(kind="other", type_name="device", device="cuda"),
}


def after(body: str, expression: str, occurrence: int = 0) -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    text = f"import torch\n\ndef f(x, y, n, s, device):\n    for i in range(n):\n{lines}    return x\n"
    site, sources = site_at(
        text, expression, occurrence, kind="SYNC", op="aten::_local_scalar_dense", shape=(), values=VALUES, function="f"
    )
    return rewritten("read-table-once", site, sources)


@pytest.mark.parametrize(
    ("made", "read", "expected"),
    [
        ("t = torch.full((n,), i, device=device)", "t[0] > 0", "i > 0"),
        ("t = torch.full((n,), s, device=device)", "t[0] > 0", "torch.full((), s) > 0"),
        ("t = torch.tensor([i] * n).to(device)", "t[0] > 0", "i > 0"),
        ("t = torch.full((n,), i - 1).to(device)", "t[0] > 0", "i - 1 > 0"),
        ("t = torch.tensor([i * s], device=device)", "t[0] > 0", "torch.tensor(i * s) > 0"),
        ("only = torch.tensor([i] * x.shape[0], device=device)", "only != 0", "i != 0"),
        ("level = torch.ones(n, device=device) * s", "level[1] > 0", "torch.ones(()) * s > 0"),
        ("level = (torch.ones(n) * s).float().to(device)", "level[0] > 0", "(torch.ones(()) * s).float() > 0"),
        ("share = torch.tensor(i / n, device=device)", "share > 0", "torch.tensor(i / n) > 0"),
        ("share = y.new_tensor(s)", "share > 0", "torch.tensor(s, dtype=y.dtype) > 0"),
        ("level = torch.ones(n, device=device) + s", "2 - level[0]", "2 - (torch.ones(()) + s)"),
        ("t = torch.arange(n).to(device)", "t.max() > 0", "torch.arange(n).max() > 0"),
        (
            "t = torch.tensor([i for _ in range(n)]).to(device)",
            "t.min() > 0",
            "torch.tensor([i for _ in range(n)]).min() > 0",
        ),
        ("t, level = torch.full((n,), i, device=device), x", "t[0] > 0", "i > 0"),
    ],
)
def test_the_host_reads_what_it_knows(made: str, read: str, expected: str) -> None:
    changed = after(f"{made}\nx = x * 2\nif {read}:\n    x = x + 1", read)
    assert f"if {expected}:" in changed
    assert made in changed


@pytest.mark.parametrize(
    "body",
    [
        "t = torch.full((n,), i, device=device)\ni = i + 1\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), i, device=device)\nt[0] = 3\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), i, device=device)\nt.add_(1)\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), x.sum(), device=device)\nif t[0] > 0:\n    x = x + 1",
        "t = torch.randint(n, (2,), device=device)\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), next(counter), device=device)\nif t[0] > 0:\n    x = x + 1",
        "t = torch.full((n,), i, device=device)\nwhile n:\n    i = i + 1\n    if t[0] > 0:\n        x = x + 1",
        "t = torch.full((n,), i, device=device)\nif n:\n    i = 0\n    if t[0] > 0:\n        x = x + 1",
        "t = x.cumsum(0)\nif t[0] > 0:\n    x = x + 1",
        "t, i = torch.full((n,), i, device=device), 3\nif t[0] > 0:\n    x = x + 1",
    ],
)
def test_what_may_have_changed_is_read_from_the_tensor(body: str) -> None:
    changed = after(body, "t[0] > 0")
    assert changed.startswith("declined") or "if _on_host(t)[0] > 0" in changed or "if _on_host(t[0]) > 0" in changed


def test_what_several_tensors_are_taken_from_is_made_on_the_host_as_well() -> None:
    made = "t, level = torch.stack([torch.full((n,), i, device=device)] * 2)"
    changed = after(f"{made}\nif t[0] > 0:\n    x = x + 1", "t[0] > 0")
    assert "t_on_host = torch.stack([torch.full((n,), i)] * 2)[0]\n        if t_on_host[0] > 0" in changed


def handed_over(signature: str, call: str, made: str = "t = torch.full((n,), i, device=device)") -> str:
    text = f"""
        import torch

        def step({signature}):
            if t[0] > 0:
                return x + 1
            return x

        def f(x, y, n, s, device):
            for i in range(n):
                {made}
                x = {call}
            return x
    """
    fields = {"kind": "SYNC", "op": "aten::_local_scalar_dense", "shape": (), "values": VALUES}
    site, sources = site_at(text, "t[0] > 0", function="step", **fields)
    caller, _ = site_at(text, call, function="f", values=VALUES)
    return rewritten("read-table-once", replace(site, stack=(*site.stack, *caller.stack)), sources)


def test_the_caller_hands_the_number_over() -> None:
    changed = handed_over("x, t", "step(x, t)")
    assert "def step(x, t, t_on_host=None):" in changed
    assert "if (t[0] if t_on_host is None else t_on_host) > 0:" in changed
    assert "x = step(x, t, t_on_host=i)" in changed
    assert "def step(x, t, scale=1.0, t_on_host=None):" in handed_over("x, t, scale=1.0", "step(x, t=t)")


THROUGH = """
    import torch

    def mean(x, t{mean}):
        {between}
        if t[0] > 0:
            return x + 1
        return x

    def step(x, t{step}):
        return mean(x, {given})

    def f(x, y, n, s, device):
        for i in range(n):
            t = torch.full((n,), i, device=device)
            x = step(x, t)
        return x
"""


def test_methods_of_the_same_name_get_the_parameter_too() -> None:
    others = """
        class Base:
            def step(self, x, t):
                raise NotImplementedError

        class First(Base):
            def step(self, x, t, eta=0.0):
                if t[0] > 0:
                    return x + 1
                return x

        def f(sampler, x, y, n, s, device):
            for i in range(n):
                t = torch.full((n,), i, device=device)
                x = sampler.step(x, t=t)
            return x
    """
    bodies = {
        "": "raise NotImplementedError",
        ", **more": "raise NotImplementedError",
        ", **given": "return other(**given)",
    }
    for more, body in bodies.items():
        text = "        import torch\n" + others.replace("def step(self, x, t):", f"def step(self, x, t{more}):")
        text = text.replace("raise NotImplementedError", body)
        fields = {"kind": "SYNC", "op": "aten::_local_scalar_dense", "shape": (), "values": VALUES}
        site, sources = site_at(text, "t[0] > 0", function="First.step", **fields)
        caller, _ = site_at(text, "sampler.step(x, t=t)", function="f", values=VALUES)
        changed = rewritten("read-table-once", replace(site, stack=(*site.stack, *caller.stack)), sources)
        assert ("def step(self, x, t, t_on_host=None):" in changed) == (more == "")
        assert ("def step(self, x, t, **more):" in changed) == (more == ", **more")
        handed_over = more != ", **given"
        assert ("def step(self, x, t, eta=0.0, t_on_host=None):" in changed) == handed_over
        assert ("sampler.step(x, t=t, t_on_host=i)" in changed) == handed_over


def through(**parts: str) -> str:
    text = THROUGH.format(**{"mean": "", "step": "", "given": "t", "between": "pass", **parts})
    fields = {"kind": "SYNC", "op": "aten::_local_scalar_dense", "shape": (), "values": VALUES}
    site, sources = site_at(text, "t[0] > 0", function="mean", **fields)
    inner, _ = site_at(text, f"mean(x, {parts.get('given', 't')})", function="step", values=VALUES)
    outer, _ = site_at(text, "step(x, t)", function="f", values=VALUES)
    return rewritten("read-table-once", replace(site, stack=(*site.stack, *inner.stack, *outer.stack)), sources)


def test_a_caller_that_was_given_the_tensor_itself_hands_the_number_on() -> None:
    changed = through()
    assert "def mean(x, t, t_on_host=None):" in changed
    assert "if (t[0] if t_on_host is None else t_on_host) > 0:" in changed
    assert "def step(x, t, t_on_host=None):" in changed
    assert "return mean(x, t, t_on_host=t_on_host)" in changed
    assert "x = step(x, t, t_on_host=i)" in changed


def test_a_caller_that_computes_with_the_tensor_computes_on_the_host_as_well() -> None:
    changed = through(given="t + 1")
    assert "x = step(x, t, ts_on_host=torch.full((n,), i))" in changed
    assert "mean(x, t + 1, t_on_host=((t if ts_on_host is None else ts_on_host) + 1)[0])" in changed


@pytest.mark.parametrize(
    "parts",
    [
        {"step": ", *more"},
        {"step": ", t_on_host=3"},
        {"between": "t.add_(1)"},
    ],
)
def test_a_way_on_which_the_number_may_be_another_is_not_taken(parts: dict[str, str]) -> None:
    changed = through(**parts)
    assert "t_on_host=i" not in changed
    assert "t_on_host=None" not in changed


def test_keywords_that_a_function_takes_and_forgets_are_no_hindrance() -> None:
    assert "def mean(x, t, t_on_host=None, **more):" in through(mean=", **more")


@pytest.mark.parametrize(
    "body",
    [
        "if n:\n    t = torch.full((n,), i, device=device)\nif t[0] > 0:\n    x = x + 1",
        "if t[0] > 0:\n    x = x + 1\nt = torch.full((n,), i, device=device)",
    ],
)
def test_what_is_made_in_a_branch_or_for_the_next_step_is_made_on_the_host_beside_it(body: str) -> None:
    changed = after(body, "t[0] > 0")
    assert "t = torch.full((n,), i, device=device)\n" in changed
    assert "t_on_host = torch.full((n,), i)\n" in changed
    assert "if t_on_host[0] > 0:" in changed


def test_what_is_computed_in_the_call_is_computed_on_the_host_as_well() -> None:
    changed = handed_over("x, t", "step(x, t + 1)", "t = torch.full((n,), i, device=device)")
    assert "t_on_host = torch.full((n,), i)\n" in changed
    assert "x = step(x, t + 1, t_on_host=(t_on_host + 1)[0])\n" in changed


@pytest.mark.parametrize(
    ("signature", "call", "made"),
    [
        ("x, t, *others", "step(x, t)", "t = torch.full((n,), i, device=device)"),
        ("x, t, t_on_host=1", "step(x, t)", "t = torch.full((n,), i, device=device)"),
        ("x, t", "step(*(x, t))", "t = torch.full((n,), i, device=device)"),
        ("x, t", "step(x, t)", "t = torch.randint(9, (n,), device=device)"),
        ("x, t", "step(x, t)", "t = torch.full((n,), i, device=device); i = 0"),
    ],
)
def test_a_call_that_cannot_hand_it_over_stays(signature: str, call: str, made: str) -> None:
    changed = handed_over(signature, call, made)
    assert "t_on_host=None" not in changed
    assert "t_on_host=i" not in changed


@pytest.mark.parametrize(
    ("made", "kept"),
    [
        ("n = torch.tensor(n, device=device)", "n_on_host = torch.tensor(n)"),
        ("n = torch.as_tensor(n, dtype=torch.long, device=device)", "n_on_host = torch.as_tensor(n, dtype=torch.long)"),
        ("n = torch.tensor(s, device=device)", ""),
        ("n = torch.tensor(n, device=device) + 1", ""),
        ("n = torch.tensor(n, device=device, requires_grad=True)", ""),
    ],
)
def test_numbers_are_kept_as_they_came_where_a_tensor_takes_their_name(made: str, kept: str) -> None:
    text = f"import torch\n\ndef f(x, n, s, device):\n    {made}\n    return x[: max(n)]\n"
    values = {**VALUES, "n": tensor("cuda", "int64", 2)}
    site, sources = site_at(
        text, "max(n)", kind="SYNC", op="aten::_local_scalar_dense", shape=(), values=values, function="f"
    )
    said = rewritten("read-table-once", site, sources)
    assert (f"    {kept}\n    {made}\n    return x[: max(n_on_host)]\n" in said) == bool(kept)
