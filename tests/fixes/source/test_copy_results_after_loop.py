"""Results that are sent to the host step by step, and lists that somebody looks at meanwhile."""

from __future__ import annotations

import pytest

from sdprof.model import FunctionSite, LoopMap
from tests.fixes.source.by_hand import FILE, rewritten, site_at, tensor

VALUES = {"x": tensor("cuda", "float32", 2, 3)}


def after(before: str, body: str, behind: str = "return xs", **fields: object) -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    head = fields.pop("head", "")
    text = f"{head}import torch\n\ndef f(net, x, n):\n    {before}\n    for i in range(n):\n{lines}    {behind}\n"
    line = 1 + text[: text.index("net(x)")].count("\n")
    where = FunctionSite(
        file=FILE,
        module="m",
        qualname="f",
        first_line=1 + text[: text.index("def f")].count("\n"),
        call_line=line,
        user=True,
    )
    loop = LoopMap(hot_module="net", calls=4, loop=where, chain=(), steps=4)
    read = fields.pop("read", "x.cpu()")
    site, sources = site_at(
        text, read, function="f", loop=loop, values=VALUES, **{"kind": "D2H", "bytes": 24, **fields}
    )
    return rewritten("copy-results-after-loop", site, sources)


def test_what_is_made_of_the_list_behind_the_loop_may_take_its_name() -> None:
    changed = after("xs = []", "x = net(x)\nxs.append(x.cpu())", "xs = torch.stack(xs)\n    return xs")
    assert "    xs[:] = [each.cpu() for each in xs]\n    xs = torch.stack(xs)\n" in changed
    assert after("xs = []", "x = net(x)\nxs = list(xs)\nxs.append(x.cpu())").startswith("declined: ")


def test_what_was_filled_in_before_is_counted_where_the_loop_begins() -> None:
    before = "xs = [x]\n    if n > 3:\n        xs.append(shown(x))"
    changed = after(before, "x = net(x)\nxs.append(x.cpu().numpy())")
    assert "    xs_before = len(xs)\n    for i in range(n):" in changed
    assert "    xs[xs_before:] = [each.cpu().numpy() for each in xs[xs_before:]]\n    return xs" in changed
    assert "several places" in after(before, "x = net(x)\nxs.append(shown(x))\nxs.append(x.cpu())")


def test_results_are_copied_behind_the_loop() -> None:
    changed = after("xs = [x]", "x = net(x)\nxs.append(x.cpu())  # seen")
    assert (
        "        xs.append(x.clone())  # seen\n    xs[1:] = [each.cpu() for each in xs[1:]]\n    return xs" in changed
    )


@pytest.mark.parametrize(
    ("before", "filled", "kept", "behind"),
    [
        (
            "xs = []",
            "xs.append(x.cpu().numpy())",
            "xs.append(x.clone())",
            "xs[:] = [each.cpu().numpy() for each in xs]",
        ),
        ("xs = []", "xs += [x.cpu()]", "xs += [x.clone()]", "xs[:] = [each.cpu() for each in xs]"),
        (
            "xs = []",
            "xs.append(np.clip(x.cpu().numpy() * 255, 0, 255).astype(np.uint8))",
            "xs.append(x.clone())",
            "xs[:] = [np.clip(each.cpu().numpy() * 255, 0, 255).astype(np.uint8) for each in xs]",
        ),
        (
            "xs = {'a': [x], 'b': []}",
            "xs['b'].append(x)\nxs['a'].append(x.cpu())",
            "xs['a'].append(x.clone())",
            "xs['a'][1:] = [each.cpu() for each in xs['a'][1:]]",
        ),
        (
            "xs = []",
            "xs.append((i, np.abs(x.cpu().numpy()), x))",
            "xs.append((i, x.clone(), x))",
            "xs[:] = [(each[0], np.abs(each[1].cpu().numpy()), each[2]) for each in xs]",
        ),
        (
            "xs = []",
            'xs.append({"step": i, "x": x.cpu()})',
            'xs.append({"step": i, "x": x.clone()})',
            "xs[:] = [{**each, 'x': each['x'].cpu()} for each in xs]",
        ),
        (
            "xs = {}",
            "xs[i] = x.cpu()",
            "xs[i] = x.clone()",
            "xs.update({key: each.cpu() for key, each in xs.items()})",
        ),
    ],
)
def test_what_is_made_of_the_results_is_made_behind_the_loop(before: str, filled: str, kept: str, behind: str) -> None:
    changed = after(before, f"x = net(x)\n{filled}", head="import numpy as np\n")
    assert f"        {kept}\n    {behind}\n    return xs" in changed, changed


@pytest.mark.parametrize(
    ("filled", "kept"),
    [
        ("xs.append(x.norm().item())", "xs.append(x.norm().detach())"),
        ("xs.append(float(x[0, 0]))", "xs.append(x[0, 0].detach().clone())"),
    ],
)
def test_numbers_go_to_the_host_in_one_copy(filled: str, kept: str) -> None:
    read = filled[filled.index("(") + 1 : -1]
    changed = after("xs = []", f"x = net(x)\n{filled}", read=read, kind="SYNC", shape=(), dtype="float32")
    assert f"        {kept}\n    xs[:] = torch.stack(xs).tolist() if xs else []\n" in changed


@pytest.mark.parametrize(
    ("before", "filled"),
    [
        ("xs = []", "xs.append((*x, x.cpu()))"),
        ("xs = []", "xs.append({i: x.cpu()})"),
        ("xs = []", "xs.append([(i, x.cpu()), 3][i])"),
        ("xs = []", "xs.append(x.cpu() * i)"),
        ("xs = []", "xs.append(save(x.cpu()))"),
        ("xs = []", "xs.append(x.cpu().fill_(i))"),
        ("xs = {}", "xs[i] = x.cpu()\nif i in xs:\n    break"),
        ("xs = {'b': 3}", "xs[i] = x.cpu()"),
        ("xs = {'a': []}", "xs['a'].append(x.cpu())\nshow(xs)"),
        ("xs = {'a': []}", "xs['a'].append(x.cpu())\nxs['a'].append(x)"),
        ("xs = {'a': make()}", "xs['a'].append(x.cpu())"),
        ("xs = x.new_empty(9)", "xs[i] = x.cpu()"),
    ],
)
def test_what_depends_on_the_step_is_done_in_it(before: str, filled: str) -> None:
    assert after(before, f"x = net(x)\n{filled}").startswith("declined: ")


def test_several_places_that_send_results_to_one_list_change_together() -> None:
    once = "if i:\n    x = net(x)\n    xs.append(x.cpu())\n"
    body = f"{once}else:\n    y = xs[-1].to(x.device)\n    xs.append((y + 1).to('cpu'))"
    changed = after("xs = [x]", body)
    assert "xs.append(x.clone())" in changed
    assert "y = xs[-1].to(x.device, copy=True)" in changed
    assert "xs.append(y + 1)" in changed
    assert "    xs[1:] = [each.cpu() for each in xs[1:]]\n" in changed
    assert after("xs = [x]", body, read="(y + 1).to('cpu')") == changed


@pytest.mark.parametrize(
    "other", ["xs.append(y)", "xs.append(y.cpu().numpy())", "xs += [y, y]", "xs.extend([y.cpu()])"]
)
def test_another_kind_of_result_in_the_same_list_stays_in_the_step(other: str) -> None:
    assert after("xs = []", f"x = net(x)\nxs.append(x.cpu())\n{other}").startswith("declined: ")


def test_what_is_taken_back_is_a_tensor_of_its_own() -> None:
    changed = after("xs, ys = [], []", "y = net(x) if not xs else xs[-1].to(x.device)\nxs.append(x.cpu())", "return xs")
    assert changed.startswith("declined")  # whether the list is empty is asked
    changed = after("xs, ys = [x], []", "y = xs[-1].to(x.device)\nx = net(x) + y\nxs.append(x.cpu())")
    assert "y = xs[-1].to(x.device, copy=True)" in changed
    assert "xs[1:] = [each.cpu() for each in xs[1:]]" in changed


@pytest.mark.parametrize(
    ("before", "body", "reason"),
    [
        ("xs = []", "x = net(x)\nxs.append(x.cpu())\nshow(xs)", "looks at what xs holds"),
        ("xs = []", "x = net(x)\nxs.append(x.cpu())\nif xs[-1].mean() > 1:\n    break", "looks at what xs holds"),
        ("xs = []", "x = net(x)\nxs.append(x.cpu())\nxs.append(None)", "several places"),
        ("xs = []", "x = net(x)\nxs.append(x.cpu())\nif i > 3:\n    return xs", "before the loop is done"),
        ("xs = []", "x = net(x)\nxs.append(x.cpu())\nyield xs[-1]", "before the loop is done"),
        ("xs = list(x)", "x = net(x)\nxs.append(x.cpu())", "not seen that xs is a list"),
        ("ys = []", "x = net(x)\nxs = []\nxs.append(x.cpu())", "anew in the loop"),
        ("xs = []", "x = net(x)\nshow(x.cpu())", "may look at it in this very step"),
        ("xs = []", "x = net(x)\nxs.append(x.cpu())\nlook = lambda: xs", "nested function"),
    ],
)
def test_a_list_that_somebody_looks_at_is_filled_as_before(before: str, body: str, reason: str) -> None:
    assert reason in after(before, body)


def test_large_results_go_to_the_host_step_by_step() -> None:
    assert "device's memory" in after("xs = []", "x = net(x)\nxs.append(x.cpu())", bytes=2**27)
