"""Results that are sent to the host step by step, and lists that somebody looks at meanwhile."""

from __future__ import annotations

import pytest

from sdprof.model import FunctionSite, LoopMap
from tests.fixes.source.by_hand import FILE, rewritten, site_at, tensor

VALUES = {"x": tensor("cuda", "float32", 2, 3)}


def after(before: str, body: str, behind: str = "return xs", **fields: object) -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    text = f"import torch\n\ndef f(net, x, n):\n    {before}\n    for i in range(n):\n{lines}    {behind}\n"
    line = 1 + text[: text.index("net(x)")].count("\n")
    where = FunctionSite(file=FILE, module="m", qualname="f", first_line=3, call_line=line, user=True)
    loop = LoopMap(hot_module="net", calls=4, loop=where, chain=(), steps=4)
    site, sources = site_at(
        text, "x.cpu()", function="f", loop=loop, values=VALUES, **{"kind": "D2H", "bytes": 24, **fields}
    )
    return rewritten("copy-results-after-loop", site, sources)


def test_results_are_copied_behind_the_loop() -> None:
    changed = after("xs = [x]", "x = net(x)\nxs.append(x.cpu())  # seen")
    assert (
        "        xs.append(x.clone())  # seen\n    xs[1:] = [each.cpu() for each in xs[1:]]\n    return xs" in changed
    )


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
