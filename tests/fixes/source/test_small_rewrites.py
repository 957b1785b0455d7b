"""Rewrites of single operators, breaks and tables: the text before and after, and what is left alone."""

from __future__ import annotations

import textwrap

import pytest

from sdprof.fixes.source.registry import rewrite_module
from sdprof.model import SeenValue
from tests.fixes.source.by_hand import HOST, rewritten, site_at, tensor


def after(fix: str, text: str, expression: str, **fields: object) -> str:
    site, sources = site_at(text, expression, **fields)
    return rewritten(fix, site, sources)


@pytest.mark.parametrize(
    ("code", "call", "expected"),
    [
        ("x * torch.sigmoid(x)", "torch.sigmoid(x)", "F.silu(x)"),
        ("torch.sigmoid(self.h) * self.h", "torch.sigmoid(self.h)", "F.silu(self.h)"),
        ("x * x.sigmoid()", "x.sigmoid()", "F.silu(x)"),
    ],
)
def test_silu(code: str, call: str, expected: str) -> None:
    text = f"import torch.nn.functional as F\n\ndef f(self, x):\n    return {code}  # swish\n"
    assert f"return {expected}  # swish\n" in after("silu", text, call, op="aten::sigmoid")


@pytest.mark.parametrize(
    ("code", "call"),
    [
        ("y * torch.sigmoid(x)", "torch.sigmoid(x)"),
        ("torch.sigmoid(x)", "torch.sigmoid(x)"),
        ("g() * g().sigmoid()", "g().sigmoid()"),
    ],
)
def test_no_silu(code: str, call: str) -> None:
    assert after("silu", f"def f(x, y):\n    return {code}\n", call, op="aten::sigmoid").startswith("declined: ")


def test_silu_brings_its_import() -> None:
    text = '"""Doc."""\n\n\ndef f(x):\n    return x * x.sigmoid()\n'
    assert after("silu", text, "x.sigmoid()", op="aten::sigmoid") == (
        '"""Doc."""\nimport torch\n\n\ndef f(x):\n    return torch.nn.functional.silu(x)\n'
    )


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("cc = torch.cat(parts, 1)", "cc = parts[0] if len(parts) == 1 else torch.cat(parts, 1)"),
        ("use(torch.cat(parts, 1))", "use((parts[0] if len(parts) == 1 else torch.cat(parts, 1)))"),
        ("cc = torch.cat([a], dim=1)", "cc = a"),
    ],
)
def test_cat_of_one(code: str, expected: str) -> None:
    call = code[code.index("torch.cat") : code.index(")") + 1]
    assert expected in after(
        "skip-cat-of-one", f"def f(a, parts):\n    {code}\n", call, op="aten::cat", input_shapes=((2,),)
    )


@pytest.mark.parametrize("write", ["cc += 1", "cc[0] = 1", "cc.mul_(2)"])
def test_cat_of_one_that_is_written_to_stays_a_copy(write: str) -> None:
    text = f"def f(parts):\n    cc = torch.cat(parts)\n    {write}\n    return cc\n"
    said = after("skip-cat-of-one", text, "torch.cat(parts)", op="aten::cat", input_shapes=((2,),))
    assert "has to be a copy" in said


def test_checkpointing_is_guarded_in_each_of_its_forms() -> None:
    op = {"op": "autograd::Recomputed"}
    early = """
        import torch
        def checkpoint(function, inputs, enabled):
            if not enabled:
                return function(*inputs)
            return Recomputed.apply(function, *inputs)
    """
    changed = after("bypass-checkpoint", early, "Recomputed.apply(function, *inputs)", **op)
    assert "if not enabled or not torch.is_grad_enabled():" in changed
    branch = """
        import torch
        def checkpoint(func, inputs, params, flag):
            if flag:
                args = tuple(inputs) + tuple(params)
                return Recomputed.apply(func, len(inputs), *args)
            else:
                return func(*inputs)
    """
    changed = after("bypass-checkpoint", branch, "Recomputed.apply(func, len(inputs), *args)", **op)
    assert "if flag and torch.is_grad_enabled():" in changed
    call = "checkpoint(self.block, x, use_reentrant=False)"
    changed = after("bypass-checkpoint", f"def f(self, x):\n    return {call}\n", call, **op)
    assert f"return ({call} if torch.is_grad_enabled() else self.block(x))" in changed


def test_another_way_to_compute_is_no_way_past_checkpointing() -> None:
    """A fused function beside its reference: both give the same, and inference wants the fast one."""
    text = (
        "def f(x, fast):\n    if fast:\n        y = Fused.apply(x)\n    else:\n        y = reference(x)\n    return y\n"
    )
    assert "very function" in str(after("bypass-checkpoint", text, "Fused.apply(x)", op="autograd::Fused"))


def test_checkpointing_without_a_way_past_it_is_left_alone() -> None:
    said = after("bypass-checkpoint", "def f(x):\n    return R.apply(g, x)\n", "R.apply(g, x)", op="autograd::R")
    assert "no branch beside it" in said


def test_a_batch_goes_to_the_host_at_once() -> None:
    text = "def f(images):\n    for image in images:\n        save(image.cpu().numpy())\n"
    values = {"images": tensor("cuda", "float32", 2, 3), "image": tensor("cuda", "float32", 3)}
    changed = after("batch-device-to-host", text, "image.cpu()", kind="D2H", values=values)
    assert "for image in images.cpu():" in changed
    used = text + "        image.mul_(2)\n"
    said = after("batch-device-to-host", used, "image.cpu()", kind="D2H", values=values)
    assert "used on the device as well" in said
    unseen = after("batch-device-to-host", text, "image.cpu()", kind="D2H")
    assert "was not seen" in unseen


@pytest.mark.parametrize(
    ("loop", "copied", "expected"),
    [
        (
            "for image in images:\n        image = 255 * image.cpu().numpy()\n        show(image.sum())",
            "image.cpu()",
            "for image in images.cpu():\n        image = 255 * image.cpu().numpy()",
        ),
        (
            "for i, image in enumerate(images):\n        save(i, image.detach().cpu())",
            "image.detach().cpu()",
            "for i, image in enumerate(images.cpu()):",
        ),
        (
            "for image in images:\n        save(((image + 1) / 2).clamp(0, 1).cpu())",
            "((image + 1) / 2).clamp(0, 1).cpu()",
            "for image in ((images + 1) / 2).clamp(0, 1).cpu():\n        save(image)",
        ),
        (
            "save([(image * 0.5).cpu() for image in images])",
            "(image * 0.5).cpu()",
            "[image for image in (images * 0.5).cpu()]",
        ),
    ],
)
def test_a_batch_goes_through_what_is_done_to_each_element(loop: str, copied: str, expected: str) -> None:
    text = f"def f(images):\n    {loop}\n"
    values = {"images": tensor("cuda", "float32", 2, 3), "image": tensor("cuda", "float32", 3)}
    changed = after("batch-device-to-host", text, copied, kind="D2H", values=values)
    assert expected in changed, changed


@pytest.mark.parametrize(
    ("loop", "copied"),
    [
        ("for image in images:\n        save((image * image.mean()).cpu())", "(image * image.mean()).cpu()"),
        ("for image in images:\n        save((image / 2).cpu(), image)", "(image / 2).cpu()"),
        ("for image in images:\n        save((image * k).cpu())", "(image * k).cpu()"),
        ("for image in images:\n        save(image.permute(1, 0).cpu())", "image.permute(1, 0).cpu()"),
        ("for image in images:\n        if image.sum() > 0:\n            image = image.cpu()", "image.cpu()"),
    ],
)
def test_what_is_done_to_a_whole_image_is_not_done_to_a_batch(loop: str, copied: str) -> None:
    text = f"def f(images, k):\n    {loop}\n"
    values = {"images": tensor("cuda", "float32", 2, 3), "image": tensor("cuda", "float32", 3)}
    assert after("batch-device-to-host", text, copied, kind="D2H", values=values).startswith("declined: ")


def test_what_is_printed_is_not_compiled() -> None:
    text = "import torch\n\ndef f(n):\n    print(\n        'go on'\n    )\n    for i in tqdm(range(n)):\n        g()\n"
    changed = after("print-out-of-loop", text, "print(\n        'go on'\n    )", kind="break")
    assert "    if not torch.compiler.is_compiling():\n        print(\n" in changed
    changed = after("print-out-of-loop", text, "tqdm(range(n))", kind="break")
    assert "for i in range(n) if torch.compiler.is_compiling() else tqdm(range(n)):" in changed
    bar = "def f(n):\n    bar = tqdm(n)\n    for i in bar:\n        bar.set_postfix(i=i)\n"
    changed = after("print-out-of-loop", f"import torch\n{bar}", "tqdm(n)", kind="break")
    assert "    bar = n if torch.compiler.is_compiling() else tqdm(n)\n" in changed
    assert "        if not torch.compiler.is_compiling():\n            bar.set_postfix(i=i)\n" in changed
    asked = "def f(n):\n    bar = tqdm(n)\n    for i in bar:\n        k = bar.n\n"
    assert "used as bar.n" in after("print-out-of-loop", asked, "tqdm(n)", kind="break")
    nothing = after("print-out-of-loop", "def f(n):\n    g(n)\n", "g(n)", kind="break")
    assert "Nothing is printed" in nothing


SAMPLER = """
    import torch

    class Sampler:
        def make_schedule(self, alphas_prev, sigmas):
            self.keep("alphas_prev", alphas_prev)
            self.keep("sigmas", sigmas)

        def step(self, x, index):
            shape = (x.shape[0], 1)
            a_prev = torch.full(shape, self.alphas_prev[index], device=x.device)
            sigma = torch.full(shape, self.sigmas[index], device=x.device)
            noise = sigma * torch.randn(x.shape, device=x.device) * 0.9
            return a_prev.sqrt() * x + noise
"""


def test_an_array_among_tensors_becomes_one() -> None:
    changed = after("one-kind-of-table", SAMPLER, "x.shape[0]", kind="table", dtype="float64", op="self.alphas_prev")
    assert 'self.keep("alphas_prev", torch.from_numpy(alphas_prev))' in changed
    assert "a_prev = self.alphas_prev[index].to(torch.float32).expand(shape)\n" in changed


def test_an_array_that_is_used_for_more_stays() -> None:
    more = SAMPLER.replace("return a_prev", "spare = self.alphas_prev.sum()\n            return a_prev")
    assert more != SAMPLER
    said = after("one-kind-of-table", more, "x.shape[0]", kind="table", op="self.alphas_prev")
    assert "more than to fill" in said


def test_another_function_makes_of_an_array_what_it_made() -> None:
    more = SAMPLER + "\n        def other(self):\n            return self.alphas_prev.sum()\n"
    said = after("one-kind-of-table", more, "x.shape[0]", kind="table", op="self.alphas_prev")
    assert "return self.alphas_prev.cpu().numpy().sum()" in said


CLOSURE = """
    import torch

    class Sampler:
        def make_schedule(self, alphas_prev, sigmas):
            self.register_buffer("alphas_prev", alphas_prev)
            self.register_buffer("sigmas", sigmas)

        def step(self, x, original, device, b):
            alphas_prev = self.model.alphas_prev if original else self.alphas_prev
            sigmas = self.model.sigmas if original else self.sigmas

            def advance(e, index):
                a_prev = torch.full((b, 1), alphas_prev[index], device=device)
                sigma_t = torch.full((b, 1), sigmas[index], device=device)
                noise = sigma_t * noise_like(x.shape, device) * 0.9
                return a_prev.sqrt() * x + noise

            return advance(x, 1)
"""


def test_tables_are_followed_under_their_local_names() -> None:
    changed = after("one-kind-of-table", CLOSURE, "x.shape", kind="table", op="self.alphas_prev")
    assert 'self.register_buffer("alphas_prev", torch.from_numpy(alphas_prev))' in changed
    assert "a_prev = alphas_prev[index].to(torch.float32).expand((b, 1))\n" in changed
    changed = after("drop-zero-noise", CLOSURE, "x.shape", kind="zero", op="self.sigmas")
    assert "noise = sigma_t if self.sigmas_are_zero else sigma_t * noise_like(x.shape, device) * 0.9\n" in changed


def test_noise_times_zero_is_not_drawn() -> None:
    changed = after("drop-zero-noise", SAMPLER, "x.shape[0]", kind="zero", op="self.sigmas")
    assert "self.sigmas_are_zero = not bool(sigmas.any())\n" in changed
    assert "noise = sigma if self.sigmas_are_zero else sigma * torch.randn(x.shape, device=x.device) * 0.9\n" in changed


def test_a_solver_is_not_asked_for_its_error() -> None:
    text = "import torch\n\ndef f(a, b):\n    return torch.linalg.solve(a, b[:, None])\n"
    changed = after(
        "solver-without-check", text, "torch.linalg.solve(a, b[:, None])", kind="SYNC", op="aten::_linalg_check_errors"
    )
    assert "return torch.linalg.solve_ex(a, b[:, None]).result" in changed
    changed = after(
        "solver-without-check",
        "import torch as th\n\ndef f(a):\n    return th.inverse(a)\n",
        "th.inverse(a)",
        kind="SYNC",
        op="aten::_linalg_check_errors",
    )
    assert "return th.linalg.inv_ex(a).inverse" in changed
    text = "import torch\n\ndef f(a):\n    return a[0].inverse()\n"
    changed = after("solver-without-check", text, "a[0].inverse()", kind="SYNC", op="aten::_linalg_check_errors")
    assert "return torch.linalg.inv_ex(a[0]).inverse\n" in changed


@pytest.mark.parametrize(
    ("code", "call", "values", "expected"),
    [
        ("torch.full((2,), t, device=d)", None, {}, "t.expand((2,)).clone()"),
        ("torch.full((2,), t, device='cpu')", None, {}, "declined: "),
        ("torch.full((2,), t)", None, {}, "declined: "),
        ("torch.full((2,), t, device=d, pin_memory=True)", None, {}, "declined: "),
        ("torch.full((2,), *t)", None, {}, "declined: "),
        ("torch.full((2,), t, device=x.device)", None, {"x": tensor("cpu")}, "declined: "),
        ("torch.full((2,), t, device=d, dtype=torch.float16)", None, {}, "t.to(torch.float16).expand((2,)).clone()"),
        ("torch.full((2,), float(t), device=d)", None, {}, "declined: "),
        (
            "torch.full((2,), t).to(d)",
            "torch.full((2,), t)",
            {"d": SeenValue(kind="device", device="cuda")},
            "torch.empty((2,), dtype=torch.float32, device=d).fill_(t)",
        ),
        (
            "torch.full((2,), t).to(d)",
            "torch.full((2,), t)",
            {"d": SeenValue(kind="device", device="cpu")},
            "declined: ",
        ),
    ],
)
def test_fills(code: str, call: str | None, values: dict[str, SeenValue], expected: str) -> None:
    text = f"import torch\n\ndef f(t, d, x):\n    return {code}\n"
    said = after("keep-scalar-on-device", text, call or code, kind="SYNC", dtype="float32", shape=(), values=values)
    assert (f"return {expected}" in said) if not expected.startswith("declined") else said.startswith(expected)


@pytest.mark.parametrize(
    ("code", "read", "expected"),
    [("x * t.item()", "t.item()", "return x * t.detach()\n"), ("x * float(t)", "float(t)", "declined: ")],
)
def test_no_gradient_passes_where_a_number_cut_it_off(code: str, read: str, expected: str) -> None:
    asked = "def g(x):\n    return torch.autograd.grad(f(x, x.norm()), x)\n"
    text = f"import torch\n\ndef f(x, t):\n    return {code}\n\n{asked}"
    values = {"t": tensor("cuda", "float32"), "x": tensor("cuda", "float32", 2, 3)}
    assert expected in after("keep-scalar-on-device", text, read, kind="SYNC", dtype="float32", shape=(), values=values)


@pytest.mark.parametrize(
    ("read", "expected"), [("t.item()", "return x.fill_(t.squeeze())\n"), ("float(t)", "declined: ")]
)
def test_a_number_of_a_tensor_with_dimensions_fills_without_them(read: str, expected: str) -> None:
    text = f"import torch\n\ndef f(x, t):\n    return x.fill_({read})\n"
    values = {"t": tensor("cuda", "float32", 1, 1), "x": tensor("cuda", "float32", 2, 3)}
    fields = {"kind": "SYNC", "dtype": "float32", "shape": (1, 1), "values": values}
    assert expected in after("keep-scalar-on-device", text, read, **fields)


def test_a_random_draw_on_the_host_is_left_there() -> None:
    text = "import torch\n\ndef f(x, d):\n    return torch.randn(x.shape).to(d)\n"
    for fix in ("create-on-device", "hoist-loop-invariant"):
        said = after(
            fix, text, "torch.randn(x.shape).to(d)", kind="H2D", shape=(2, 3), dtype="float32", identical_content=True
        )
        assert "Random numbers" in said, textwrap.shorten(said, 200)


@pytest.mark.parametrize(
    ("code", "read", "dtype", "expected"),
    [
        ("torch.full((n,), t.item(), device=d)", "t.item()", "float64", "t.to(torch.float32).expand((n,)).clone()"),
        ("torch.full((n,), float(t), device=d)", "float(t)", "int64", "t.to(torch.float32).expand((n,)).clone()"),
        ("torch.full((n,), int(t), device=d)", "int(t)", "int64", "t.expand((n,)).clone()"),
        ("torch.tensor([float(t)] * n, device=d)", "float(t)", "float32", "t.expand(n).clone()"),
        ("torch.tensor(t.item(), device=d)", "t.item()", "float16", "t.to(torch.float32).clone()"),
        ("torch.tensor([t.item()], dtype=torch.long, device=d)", "t.item()", "int64", "t.expand(1).clone()"),
        ("x.new_full((n,), t.item())", "t.item()", "float32", "t.to(x.dtype).expand((n,)).clone()"),
        ("torch.full((n,), int(t), device=d)", "int(t)", "float32", "declined: The number is rounded on the way"),
        ("use(t.item())", "t.item()", "float32", "declined: "),
        ("x.fill_(t.item())", "t.item()", "float64", "return x.fill_(t)\n"),
        ("x.fill_(int(t))", "int(t)", "float32", "declined: "),
        ("x * float(t)", "float(t)", "float32", "return x * t\n"),
        ("t.item() - x", "t.item()", "float64", "return torch.as_tensor(t, dtype=x.dtype, device=x.device) - x\n"),
        ("x / t.item()", "t.item()", "float32", "return x / t.double()\n"),
        ("y * t.item()", "t.item()", "float32", "declined: "),
        ("x * int(t)", "int(t)", "float32", "declined: "),
    ],
)
def test_a_number_that_is_read_to_fill_a_tensor_stays_on_the_device(
    code: str, read: str, dtype: str, expected: str
) -> None:
    text = f"import torch\n\ndef f(x, y, t, n, d):\n    return {code}\n"
    values = {"t": tensor("cuda", dtype), "d": SeenValue(kind="device", device="cuda")}
    values |= {"x": tensor("cuda", "float32", 2, 3), "y": tensor("cuda", "bfloat16", 2, 3)}
    said = after("keep-scalar-on-device", text, read, kind="SYNC", dtype=dtype, shape=(), values=values)
    assert expected in said


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        ("self.a.to(x.device)[k] + self.b.to(x.device)[k]", "k = (t * 9).long().to(x.device)\n"),
        ("self.c[k] + self.c[k]", "k = (t * 9).long().to(self.c.device)\n"),
        ("self.c[k] + self.b.to(x.device)[k]", "declined: "),
        ("self.c[k] + k", "declined: "),
        ("self.a[k] + self.a[k]", "declined: "),
    ],
)
def test_an_index_with_a_name_stays_where_its_tables_are(uses: str, expected: str) -> None:
    text = f"def f(self, x, t):\n    k = (t * 9).long().to('cpu')\n    return {uses}\n"
    values = {"self.a": tensor("cpu", "float32", 9), "self.c": tensor("cuda", "float32", 9), "x": tensor("cuda")}
    fields = {"kind": "D2H", "dtype": "int64", "shape": (2,), "values": values}
    assert expected in after("index-on-device", text, "(t * 9).long().to('cpu')", **fields)


def test_of_listed_tensors_the_next_may_have_more_numbers() -> None:
    text = "import torch\n\ndef f(self, d):\n    return [b.to(d) for b in self.tables]\n"
    values = {"b": tensor("cpu", "float32", 1), "d": SeenValue(kind="device", device="cuda")}
    said = after("create-on-device", text, "b.to(d)", kind="H2D", dtype="float32", shape=(1,), values=values)
    assert "b.item(), dtype=b.dtype, device=d) if b.numel() == 1 else b.to(d)) for b" in said


def test_a_normal_that_only_the_run_shows_is_asked_what_it_can() -> None:
    text = "def f(make, x):\n    p = make(x)\n    return p.sample()\n"
    fields = {"kind": "SYNC", "op": "aten::normal"}
    seen = {"p": SeenValue(kind="other", type_name="Normal")}
    changed = after("draw-without-check", text, "p.sample()", values=seen, **fields)
    assert "return (p.rsample().detach() if p.has_rsample else p.sample())\n" in changed
    assert after("draw-without-check", text, "p.sample()", **fields).startswith("declined: ")


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("a.gather(-1, t.cpu())", "_on_device(a, t.device).gather(-1, t)"),
        ("a[t.to('cpu')]", "_on_device(a, t.device)[t]"),
        ("a.gather(-1, (t + 1).cpu())", "_on_device(a, (t + 1).device).gather(-1, (t + 1))"),
        ("torch.gather(a, 0, index=t.cpu())", "torch.gather(_on_device(a, t.device), 0, index=t)"),
        ("torch.from_numpy(p[t.cpu().numpy()]).float()", "_on_device(torch.from_numpy(p), t.device)[t].float()"),
        ("torch.tensor(p[t.cpu().numpy()], dtype=d)", "_on_device(torch.from_numpy(p), t.device)[t].to(d)"),
        ("torch.tensor(a[t.cpu().numpy()])", "declined: What is copied to the host is not an index"),
        ("torch.from_numpy(p[t.cpu().numpy() + 1])", "declined: What is copied to the host is not an index"),
        ("b.gather(-1, t.cpu())", "declined: It was not seen that the table is a tensor on the host"),
        ("show(t.cpu())", "declined: What is copied to the host is not an index"),
    ],
)
def test_an_index_that_is_brought_to_a_table_on_the_host_stays(code: str, expected: str) -> None:
    read = next(each for each in ("t.cpu()", "t.to('cpu')", "(t + 1).cpu()") if each in code)
    said = after(
        "index-on-device",
        f"import torch\n\ndef f(a, b, t, p, d):\n    return {code}.to(t.device)\n",
        read,
        kind="D2H",
        dtype="int64",
        shape=(2,),
        values={
            "a": tensor("cpu", "float32", 10),
            "b": tensor("cuda", "float32", 10),
            "t": tensor("cuda", "int64", 2),
            "p": SeenValue(kind="array", dtype="float64", shape=(10,)),
        },
    )
    assert expected in said


@pytest.mark.parametrize(
    ("body", "comes"),
    [
        ("t = t.to(a.device)\nreturn a.gather(-1, t)", True),
        ("return a[t.to(a.device)]", True),
        ("t = t.to(a.device)\nreturn torch.gather(a, -1, t)", True),
        ("t = t.to(a.device)\nreturn a.gather(-1, t) + a", False),  # all of it is used, not entries alone
        ("a = a * 2\nreturn a[t.to(a.device)]", False),
        ("t = t.to(a.device); return a[t]", False),
        ("t = t.to(b.device)\nreturn a[t]", False),  # lies on the device
    ],
)
def test_a_table_on_the_host_comes_to_the_index_that_goes_to_it(body: str, comes: bool) -> None:
    lines = body.replace("\n", "\n    ")
    read = "t.to(b.device)" if "b.device" in body else "t.to(a.device)"
    values = {"a": tensor("cpu", "float32", 9), "b": tensor("cuda", "float32", 9), "t": tensor("cuda", "int64", 2)}
    fields = {"kind": "D2H", "dtype": "int64", "shape": (2,), "values": values}
    said = after("index-on-device", f"import torch\n\ndef f(a, b, t):\n    {lines}\n", read, **fields)
    line = '    a = _on_device(a, t.device) if a.device.type == "cpu" else a\n'
    assert (f"def f(a, b, t):\n{line}    {lines}" in said) if comes else said.startswith("declined: ")


@pytest.mark.parametrize(
    ("code", "expected", "numerics"),
    [
        ("t.to('cpu').neg().exp().to(x.device)", "t.neg().exp().to(x.device)", "rounding"),
        ("((x - 1) / t.cpu()).to(x.device)", "((x - 1) / t).to(x.device)", "rounding"),
        ("t.cpu().clamp(min=0).to(device=x.device)", "t.clamp(min=0).to(device=x.device)", "exact"),
        ("t.cpu().reshape(1).to(x.device)", "t.clone().reshape(1).to(x.device)", "exact"),
        ("t.cpu().clamp(min=h).to(x.device)", "t.clamp(min=_on_device(h, t.device)).to(x.device)", "exact"),
        ("t.cpu().exp()", "declined: ", ""),
        ("t.cpu().exp().to('cpu')", "declined: ", ""),
        ("(t.cpu() * h).to(x.device)", "(t * _on_device(h, t.device)).to(x.device)", "exact"),
        ("shown(t.cpu()).to(x.device)", "declined: ", ""),
        ("t.cpu().exp().long().to(x.device)", "declined: ", ""),
    ],
)
def test_a_formula_on_the_way_to_the_host_and_back_is_computed_on_the_device(
    code: str, expected: str, numerics: str
) -> None:
    read = "t.to('cpu')" if "t.to('cpu')" in code else "t.cpu()"
    values = {"t": tensor("cuda"), "x": tensor("cuda", "float32", 2, 3), "h": tensor("cpu", "float32", 2, 3)}
    text = f"import torch\n\ndef f(x, t, h, shown):\n    return {code}\n"
    site, sources = site_at(text, read, kind="D2H", dtype="float32", shape=(), values=values)
    said = rewritten("stay-on-device", site, sources)
    assert expected in said
    assert not numerics or rewrite_module("stay-on-device").rewrite(site, sources)[0].numerics == numerics


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (
            "t.expand(n).to(x.device)",
            "return (torch.full((n,), t.item(), dtype=t.dtype, device=x.device) if t.numel() == 1 else "
            "t.expand(n).to(x.device))\n",
        ),
        ("t.repeat(len(x), 1).to(x.device)", "torch.full((len(x), 1), t.item(), "),
        ("h.expand(n).to(x.device)", "declined: "),
        ("t.expand(*n).to(x.device)", "declined: "),
    ],
)
def test_one_number_that_is_spread_and_sent_is_filled_in_there(code: str, expected: str) -> None:
    values = {"t": tensor("cpu", "int64", 1), "x": tensor("cuda", "float32", 2, 3), "h": tensor("cpu", "float32", 2)}
    text = f"import torch\n\ndef f(make, x, h, n):\n    t = make()\n    return {code}\n"
    assert expected in after("create-on-device", text, code, kind="H2D", dtype="int64", shape=(2,), values=values)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("x[:, [2, 1, 0]]", "x[:, _on_device(torch.tensor([2, 1, 0]), x.device)]"),
        ("x[range(len(y)), y]", "x[torch.arange(len(y), device=x.device), y]"),
        ("x[range(n, 0, -1)]", "x[torch.arange(n, 0, -1, device=x.device)]"),
        ("x[h]", "x[_on_device(h, x.device)]"),
        ("x[h, [0, 1]]", "declined: "),
        ("x[[n, 1]]", "declined: "),
        ("(x + 1)[[0, 1]]", "declined: "),
        ("f(x)[range(len(y)), y]", "f(x)[torch.arange(len(y), device=y.device), y]"),
        ("f(x)[range(len(y)), h]", "declined: "),
        ("x[torch.randperm(3)]", "declined: Random numbers"),
    ],
)
def test_an_index_on_the_host_is_kept_on_the_device_or_counted_there(code: str, expected: str) -> None:
    values = {"x": tensor("cuda", "float32", 3, 3), "y": tensor("cuda", "int64", 3), "h": tensor("cpu", "int64", 3)}
    text = f"import torch\n\ndef f(x, y, h, n):\n    return {code}\n"
    said = after(
        "hoist-loop-invariant", text, code, kind="H2D", dtype="int64", shape=(3,), identical_content=True, values=values
    )
    assert f"return {expected}\n" in said if expected[:8] != "declined" else said.startswith(expected)


def test_the_smaller_of_two_is_chosen_on_the_device_only_among_equals() -> None:
    text = "import torch\n\ndef f(t, u):\n    return min(t, u)\n"
    alike = {"t": tensor("cuda", "float32"), "u": tensor("cuda", "float32")}
    read = {"kind": "SYNC", "op": "aten::_local_scalar_dense", "shape": ()}
    assert "torch.minimum(t, u)" in after("keep-scalar-on-device", text, "min(t, u)", values=alike, **read)
    for other in (tensor("cuda", "float64"), tensor("cuda", "float32", 1)):
        values = {**alike, "u": other}
        assert "differ in type or shape" in after("keep-scalar-on-device", text, "min(t, u)", values=values, **read)


@pytest.mark.parametrize(("step", "exact"), [("2", True), ("dt", False), ("0.5", False)])
def test_counting_in_steps_that_may_be_fractions_is_arithmetic(step: str, exact: bool) -> None:
    code = f"torch.arange(0, n, {step}).to(x.device)"
    text = f"import torch\n\ndef f(x, n, dt):\n    return x + {code}\n"
    site, sources = site_at(text, code, kind="H2D", op="aten::_to_copy", values={"x": tensor("cuda", "float32", 4)})
    numerics = {edit.numerics for edit in rewrite_module("create-on-device").rewrite(site, sources)}
    assert numerics == {"exact" if exact else "rounding"}


def moved(text: str, expression: str) -> str:
    values = {"t": tensor(HOST, "float32"), "table": tensor(HOST, "float32", 9), "d": SeenValue(kind="other")}
    return after("create-on-device", text, expression, kind="H2D", dtype="float32", shape=(), values=values)


def test_a_number_that_is_handed_over_may_be_several_for_another_caller() -> None:
    text = "import torch as th\n\ndef step(x, t, d):\n    return x * t.to(d)\n"
    expected = "x * (th.full(t.shape, t.item(), dtype=t.dtype, device=d) if t.numel() == 1 else t.to(d))"
    assert expected in moved(text, "t.to(d)")
    wrapped = "import torch as th\n\ndef step(x, t, d):\n    return x * th.from_numpy(f(t)).to(d)\n"
    assert moved(wrapped, "th.from_numpy(f(t)).to(d)").startswith("declined: ")


def test_a_number_that_is_handed_over_goes_to_the_device_before_it_is_rearranged() -> None:
    text = "import torch as th\n\ndef step(x, t, d):\n    return x * (t.float().reshape(-1, 1)).to(d)\n"
    expected = "x * ((th.full(t.shape, t.item(), dtype=t.dtype, device=d) if t.numel() == 1 else t.to(d)).float()"
    assert expected + ".reshape(-1, 1))\n" in moved(text, "(t.float().reshape(-1, 1)).to(d)")
    computed = "import torch as th\n\ndef step(x, t, d):\n    return x * t.float().exp().to(d)\n"
    assert moved(computed, "t.float().exp().to(d)").startswith("declined: ")


def test_what_a_function_gives_is_filled_in_on_the_device_if_it_is_one_number() -> None:
    text = "import torch\n\ndef step(x, f, d):\n    t = f(x).to(d)\n    return x * t\n"
    changed = moved(text, "f(x).to(d)")
    assert (
        "    t = f(x)\n    if t.numel() == 1 and not t.is_cuda:\n        t = torch.full(t.shape, t.item(), " in changed
    )
    assert "dtype=t.dtype, device=d)\n    t = t.to(d)\n    return x * t\n" in changed
    for line in ("t, u = f(x).to(d), 1", "t = 1 + f(x).to(d)", "t = 0; t = f(x).to(d)"):
        assert moved(text.replace("t = f(x).to(d)", line), "f(x).to(d)").startswith("declined: ")


def test_a_parameter_that_is_made_of_itself_is_followed_to_no_end() -> None:
    text = "import torch\n\ndef f(x):\n    x = x.clone()\n    mask = x > 0\n    return torch.where(mask)[0][0]\n"
    values = {"x": tensor("cuda", "float32", 4), "mask": tensor("cuda", "bool", 4)}
    site, sources = site_at(text, "torch.where(mask)", kind="SYNC", op="aten::nonzero", values=values, function="f")
    assert "torch.where(_on_host(mask))[0][0]" in rewritten("read-table-once", site, sources)


def test_torch_is_called_as_the_module_calls_it() -> None:
    text = "import torch as th\n\ndef step(x, i, d):\n    return x * table[i].to(d)\n"
    assert "x * th.full((), table[i].item(), dtype=table.dtype, device=d)" in moved(text, "table[i].to(d)")


def test_torch_may_come_along_with_all_of_another_module() -> None:
    call = "th.tensor([i] * n, device=d)"
    fields = {"kind": "H2D", "dtype": "int64", "shape": (4,), "values": {"i": SeenValue(kind="number", dtype="int")}}
    for imported, known in (("from .base import *", True), ("from .base import th", False)):
        said = after("create-on-device", f"{imported}\n\ndef f(i, n, d):\n    return {call}\n", call, **fields)
        assert ("th.full((n,), i, device=d)" in said) == known


def test_a_slice_of_one_stays_where_another_caller_may_give_a_number_of_the_hosts() -> None:
    values = {"x": tensor("cuda", "float32", 2, 9), "n": tensor("cuda", "int64", 1)}
    fields = {"kind": "SYNC", "op": "aten::_local_scalar_dense", "dtype": "int64", "shape": (1,), "values": values}
    text = "import torch\n\ndef f(x, n):\n    return x[:, n - 1 : n] * 2\n"
    assert "Another caller" in after("index-on-device", text, "x[:, n - 1 : n]", **fields)
    counted = text.replace("def f(x, n):\n", "def f(x, m):\n    n = m.sum(-1)\n")
    assert "x.index_select(1, (n - 1).reshape(1)) * 2" in after("index-on-device", counted, "x[:, n - 1 : n]", **fields)
