"""What the next statement deletes is not copied; what may be kept, or is asked for otherwise, is copied as before."""

from __future__ import annotations

import pytest

from tests.fixes.source.by_hand import rewritten, site_at


def after(body: str) -> str:
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    text = f"def f(xs, keep, n):\n    for t in range(n):\n{lines}    return xs\n"
    site, sources = site_at(text, "xs[t].cpu()", kind="D2H", op="aten::_to_copy", steps=(0, 1), function="f")
    return rewritten("copy-only-if-kept", site, sources)


@pytest.mark.parametrize(
    ("condition", "unless"),
    [("not keep", "keep"), ("keep is None", "not (keep is None)"), ("t > 0", "not (t > 0)"), ("keep", "not keep")],
)
def test_it_is_copied_only_if_it_stays(condition: str, unless: str) -> None:
    behind = f"        if {condition}:\n            del xs[t]\n"
    expected = f"        if {unless}:\n            xs[t] = xs[t].cpu()  # to the host\n{behind}"
    assert expected in after(f"xs[t] = xs[t].cpu()  # to the host\nif {condition}:\n    del xs[t]")


@pytest.mark.parametrize(
    "body",
    [
        "xs[t] = xs[t].cpu()",
        "xs[t] = xs[t].cpu()\nprint(t)\nif keep:\n    del xs[t]",
        "xs[t] = xs[t].cpu()\nif keep:\n    del xs[n]",
        "xs[t] = xs[t].cpu()\nif keep():\n    del xs[t]",
        "xs[t] = xs[t].cpu()\nif keep:\n    del xs[t]\nelse:\n    n = t",
        "xs[t] = xs[t].cpu() + 1\nif keep:\n    del xs[t]",
        "xs[n] = xs[t].cpu()\nif keep:\n    del xs[n]",
    ],
)
def test_else_it_is_copied_as_before(body: str) -> None:
    assert after(body).startswith("declined: What is copied is not")
