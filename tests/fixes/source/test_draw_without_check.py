"""One number a row is drawn without the check, from the same random numbers; other draws are left alone."""

from __future__ import annotations

import textwrap

import pytest
import torch

from sdprof.model import SeenValue
from tests.fixes.source.by_hand import rewritten, site_at, tensor


def after(body: str, expression: str, head: str = "import torch") -> str:
    text = f"{head}\n\ndef f(p, n, g=None):\n    return {body}\n"
    values = {"p": tensor("cuda", "float32", 3, 4, 5), "flat": tensor("cuda", "float32", 4, 5)}
    site, sources = site_at(text, expression, kind="SYNC", op="aten::multinomial", values=values)
    return rewritten("draw-without-check", site, sources)


@pytest.mark.parametrize(
    ("body", "head"),
    [
        ("torch.multinomial(p[0], 1)", "import torch"),
        ("p[0].multinomial(num_samples=1, replacement=True)", "import torch"),
        ("torch.multinomial(p[0], 3)", "import torch"),
        ("p[0].multinomial(5, replacement=False)", "import torch"),
        ("torch.multinomial(input=p[1], replacement=False, num_samples=1, generator=g)", "import torch"),
        ("torch.distributions.Categorical(probs=p).sample()", "import torch"),
        ("Categorical(p).sample()", "from torch.distributions import Categorical"),
        ("Categorical(logits=p).sample()", "from torch.distributions import Categorical"),
    ],
)
@pytest.mark.parametrize("layout", ["as it is", "transposed"])
def test_the_same_is_drawn(body: str, head: str, layout: str) -> None:
    text = after(body, body, head)
    assert "exponential_(" in text
    p = torch.rand(3, 4, 5) if layout == "as it is" else torch.rand(5, 4, 3).transpose(0, 2)
    results = []
    for each in (f"{head}\nimport torch\ndef f(p, n, g=None):\n    return {body}\n", text):
        space: dict[str, object] = {}
        exec(textwrap.dedent(each), space)
        torch.manual_seed(0)
        generator = torch.Generator().manual_seed(1) if "generator" in body else None
        results.append(space["f"](p, 1, generator))
    assert torch.equal(results[0], results[1])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_as_many_are_drawn_as_a_number_says(count: int) -> None:
    text = "import torch\n\ndef f(p, n):\n    return torch.multinomial(p[0], n)\n"
    values = {"n": SeenValue(kind="number", dtype="int")}
    site, sources = site_at(text, "torch.multinomial(p[0], n)", kind="SYNC", op="aten::multinomial", values=values)
    changed = rewritten("draw-without-check", site, sources)
    assert ".topk(n).indices" in changed
    p = torch.rand(3, 4, 9)
    p[..., ::4] = 0
    results = []
    for each in (text, changed):
        space: dict[str, object] = {}
        exec(each, space)
        torch.manual_seed(0)
        results.append(space["f"](p, count))
    assert torch.equal(results[0], results[1])


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("torch.multinomial(p, 2, replacement=True)", "drawn twice"),
        ("torch.multinomial(p, n)", "How many"),
        ("torch.multinomial(p, 1, out=n)", "not carried over"),
        ("torch.distributions.Categorical(probs=p).sample((2,))", "No sample"),
        ("torch.distributions.Categorical(probs=n).sample()", "has rows"),
        ("torch.distributions.Bernoulli(probs=p).sample()", "No sample"),
        ("mine(probs=p).sample()", "No sample"),
    ],
)
def test_other_draws_are_left_alone(body: str, reason: str) -> None:
    text = after(body, body)
    assert text.startswith("declined: ")
    assert reason in text


@pytest.mark.parametrize(
    "body",
    ["torch.distributions.Normal(p, 0.5).sample()", "(torch.distributions.Normal(p, p + 1)).sample((2,))"],
)
@pytest.mark.parametrize("layout", ["as it is", "transposed"])
def test_a_normal_draws_the_same(body: str, layout: str) -> None:
    text = f"import torch\n\ndef f(p):\n    return {body}\n"
    site, sources = site_at(text, body, kind="SYNC", op="aten::normal")
    changed = rewritten("draw-without-check", site, sources)
    assert ".rsample(" in changed
    p = torch.rand(3, 4, 5) if layout == "as it is" else torch.rand(5, 4, 3).transpose(0, 2)
    results = []
    for each in (text, changed):
        space: dict[str, object] = {}
        exec(each, space)
        torch.manual_seed(0)
        results.append(space["f"](p.requires_grad_()))
    assert torch.equal(results[0], results[1])
    assert not results[1].requires_grad


@pytest.mark.parametrize("body", ["torch.normal(p, p)", "torch.distributions.Gamma(p, p).sample()", "mine(p).sample()"])
def test_what_is_no_normal_is_left_alone(body: str) -> None:
    text = f"import torch\n\ndef f(p):\n    return {body}\n"
    site, sources = site_at(text, body, kind="SYNC", op="aten::normal")
    assert rewritten("draw-without-check", site, sources).startswith("declined: ")
