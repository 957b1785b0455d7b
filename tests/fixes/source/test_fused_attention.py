"""Attention in its usual spellings: the fused text computes the same to rounding, and what is not attention stays."""

from __future__ import annotations

import textwrap

import pytest
import torch
from einops import rearrange, repeat

from tests.fixes.source.by_hand import rewritten, site_at

B, H, N, M, D = 2, 3, 5, 7, 4

SPELLINGS = {
    "einsum over merged heads": """
        def attend(q, k, v):
            scores = torch.einsum("b i d, b j d -> b i j", q, k) * 0.5
            weights = scores.softmax(dim=-1)
            return torch.einsum("b i j, b j d -> b i d", weights, v)
    """,
    "einsum in half a line, channels first": """
        def attend(q, k, v):
            q, k, v = q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2)
            weight = torch.einsum("bct,bcs->bts", q * 0.7, k * 0.7)
            weight = torch.softmax(weight.float(), dim=-1).type(weight.dtype)
            a = torch.einsum("bts,bcs->bct", weight, v)
            return a.reshape(len(q), -1, q.shape[2]).transpose(1, 2)
    """,
    "bmm with values on the left": """
        def attend(q, k, v):
            k = k.permute(0, 2, 1)
            w_ = torch.bmm(q, k)
            w_ = w_ * (int(q.shape[2]) ** (-0.5))  # the usual scale
            w_ = torch.nn.functional.softmax(w_, dim=2)
            # attend to values
            v = v.transpose(1, 2)
            w_ = w_.permute(0, 2, 1)
            h_ = torch.bmm(v, w_)
            return h_.permute(0, 2, 1)
    """,
    "matmul with four axes, inline": """
        def attend(q, k, v):
            q, k, v = (each[:, None] for each in (q, k, v))
            return (torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(4), dim=-1) @ v)[:, 0]
    """,
    "baddbmm": """
        def attend(q, k, v):
            scores = torch.baddbmm(
                torch.empty(q.shape[0], q.shape[1], k.shape[1]), q, k.transpose(-1, -2), beta=0, alpha=0.5
            )
            probabilities = scores.softmax(dim=-1).to(v.dtype)
            return torch.bmm(probabilities, v)
    """,
    "heads behind the tokens": """
        def attend(q, k, v):
            q, k, v = (each.unflatten(-1, (2, -1)) for each in (q, k, v))
            scores = torch.einsum("bnhd,bmhd->bhnm", q, k)
            scores = scores * 0.25
            return torch.einsum("bhnm,bmhd->bnhd", F.softmax(scores, dim=-1), v).flatten(2)
    """,
    "casts and a with block": """
        def attend(q, k, v):
            with torch.autocast("cuda", enabled=False):
                # in half precision the products overflow
                scores = torch.einsum("hqc,hkc->hqk", q.float(), k.float()) * 0.5
            weights = scores.softmax(dim=-1)
            mixed = torch.einsum("hqk,hkc->hqc", weights, v)
            return mixed
    """,
    "an added mask": """
        def attend(q, k, v):
            scores = (q @ k.mT) * 0.5
            scores = scores + bias
            return scores.softmax(-1) @ v
    """,
    "a filled mask": """
        def attend(q, k, v):
            scores = torch.matmul(q, k.transpose(1, 2)) * 0.5
            scores = scores.masked_fill(~keep, float("-inf"))
            return torch.matmul(scores.softmax(-1), v)
    """,
    "branches of precision, and a mask in a branch": """
        def attend(q, k, v):
            if precision == "fp32":
                with torch.autocast(enabled=False, device_type="cuda"):
                    q, k = q.float(), k.float()
                    sim = torch.einsum("b i d, b j d -> b i j", q, k) * 0.5
            else:
                sim = torch.einsum("b i d, b j d -> b i j", q, k) * 0.5
            del q, k
            if keep is not None:
                low = -torch.finfo(sim.dtype).max
                mask = keep[None]
                sim.masked_fill_(~mask, low)

            # attention, what we cannot get enough of
            sim = sim.softmax(dim=-1)
            return torch.einsum("b i j, b j d -> b i d", sim, v)
    """,
    "a dropout that drops nothing": """
        def attend(q, k, v):
            weights = F.softmax(q @ k.transpose(-2, -1) * 0.5, dim=-1)
            weights = F.dropout(weights, p=0.3, training=False)
            weights = F.dropout(weights, p=0.0)
            return weights @ v
    """,
    "a dropout that may drop": """
        def attend(q, k, v, training=False):
            weights = F.softmax((q @ k.transpose(-2, -1)) * 0.5, dim=-1)
            return F.dropout(weights, 0.3, training) @ v
    """,
    "formulas in f-strings and with dots": """
        def attend(q, k, v):
            rows = "j"
            sim = torch.einsum(f"b i d, b {rows} d -> b i {rows}", q, k) * 0.5
            attn = sim.softmax(dim=-1)
            return torch.einsum("... i j, ... j d -> ... i d", attn, v)
    """,
    "operands in a list": """
        def attend(q, k, v):
            sim = torch.einsum("bid,bjd->bij", [q * 0.5, k])
            return torch.einsum("bij,bjd->bid", [sim.softmax(dim=-1), v])
    """,
    "the largest score subtracted": """
        def attend(q, k, v):
            sim = torch.einsum("b i d, b j d -> b i j", q, k) * 0.5
            sim = sim - sim.amax(dim=-1, keepdim=True).detach()
            attn = sim.softmax(dim=-1)
            return torch.einsum("b i j, b j d -> b i d", attn, v)
    """,
    "changed in place": """
        def attend(q, k, v):
            attn = q.matmul(k.transpose(-2, -1))
            attn *= 0.5
            attn += bias
            attn = torch.softmax(attn, dim=-1)
            return attn.matmul(v)
    """,
    "a mask filled in by torch.where": """
        def attend(q, k, v):
            scores = torch.where(keep, q @ k.mT * 0.5, float("-inf"))
            return scores.softmax(-1) @ v
    """,
    "a product that deletes its operands": """
        def attend(q, k, v):
            sim = torch.einsum("b i d, b j d -> b i j", q, k) * 0.5
            del q, k
            sim = sim.softmax(dim=-1)
            return torch.einsum("b i j, b j d -> b i d", sim, v)
    """,
}


def environment() -> dict[str, object]:
    import math

    torch.manual_seed(0)
    return {
        "torch": torch,
        "F": torch.nn.functional,
        "math": math,
        "rearrange": rearrange,
        "repeat": repeat,
        "precision": "fp32",
        "bias": torch.randn(N, M),
        "keep": torch.rand(N, M) > 0.3,
    }


def softmax_text(text: str) -> str:
    import ast

    calls = [each for each in ast.walk(ast.parse(textwrap.dedent(text))) if isinstance(each, ast.Call)]
    (call,) = [each for each in calls if getattr(each.func, "attr", "") == "softmax"]
    return ast.get_source_segment(textwrap.dedent(text), call) or ""


def fuse(text: str, rank: int) -> str:
    head = "import torch\nimport torch.nn.functional as F\n"
    full = head + textwrap.dedent(text)
    shape = (B, N, M) if rank == 3 else (B, 1, N, M)
    site, sources = site_at(full, softmax_text(text), op="aten::_softmax", input_shapes=(shape,))
    return rewritten("fused-attention", site, sources)


@pytest.mark.parametrize("name", SPELLINGS)
def test_the_fused_text_computes_the_same(name: str) -> None:
    text = SPELLINGS[name]
    rank = 4 if "four axes" in name or "behind the tokens" in name else 3
    after = fuse(text, rank)
    assert "scaled_dot_product_attention" in after, after
    assert "softmax" not in after
    q, k, v = torch.randn(B, N, D), torch.randn(B, M, D), torch.randn(B, M, D)
    before_space, after_space = environment(), environment()
    exec(textwrap.dedent(text), before_space)
    exec(after, after_space)
    expected, got = before_space["attend"](q, k, v), after_space["attend"](q, k, v)
    assert got.shape == expected.shape
    torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-6)


BY_NUMBERS = {
    "a number, in an expression": """
        def attend(q, k, v):
            scores = (q @ k.mT) * 0.5
            weights = scores.masked_fill(~keep, -1e9).softmax(-1)
            return weights @ v
    """,
    "a number, in a statement": """
        def attend(q, k, v):
            scores = torch.einsum("bic,bjc->bij", q, k) * 0.5
            scores = scores.masked_fill(hidden == 1, -10000.0)
            return torch.einsum("bij,bjc->bic", scores.softmax(dim=-1), v)
    """,
    "the lowest number, under a name": """
        def attend(q, k, v):
            scores = (q @ k.mT) * 0.5
            low = torch.finfo(scores.dtype).min
            scores.masked_fill_(~keep, low)
            return scores.softmax(dim=-1) @ v
    """,
    "the lowest number, in a branch": """
        def attend(q, k, v):
            sim = torch.einsum("b i d, b j d -> b i j", q, k) * 0.5
            del q, k
            if keep is not None:
                low = -torch.finfo(sim.dtype).max
                mask = keep[None]
                sim.masked_fill_(~mask, low)
            sim = sim.softmax(dim=-1)
            return torch.einsum("b i j, b j d -> b i d", sim, v)
    """,
    "by torch.where, queries scaled": """
        def attend(q, k, v):
            scores = torch.where(keep, (q * 0.5) @ k.mT, -1e9)
            return scores.softmax(-1) @ v
    """,
    "by torch.where, the other way round": """
        def attend(q, k, v):
            low = -torch.finfo(q.dtype).max
            scores = torch.where(~keep, low, (q * 0.5) @ k.mT)
            return scores.softmax(-1) @ v
    """,
    "channels first": """
        def attend(q, k, v):
            q, k = q.transpose(1, 2), k.transpose(1, 2)
            scores = torch.einsum("bci,bcj->bij", q, k).masked_fill(~keep, -1e9)
            return torch.einsum("bij,bjc->bic", scores.softmax(dim=-1), v)
    """,
    "a number that is added": """
        def attend(q, k, v):
            scores = (q @ k.mT) * 0.5
            scores = scores + hidden * -10000.0
            return scores.softmax(-1) @ v
    """,
    "a number that is added by torch.where": """
        def attend(q, k, v):
            scores = (q @ k.mT) * 0.5
            scores = scores + torch.where(keep, 0.0, -1e9)
            return scores.softmax(-1) @ v
    """,
}


@pytest.mark.parametrize("name", BY_NUMBERS)
@pytest.mark.parametrize("rank", [3, 4])
def test_a_row_that_hides_every_key_by_a_number_stays_what_it_was(name: str, rank: int) -> None:
    text = BY_NUMBERS[name]
    if rank == 4 and "ein" in text:
        pytest.skip("its formula has three axes")
    after = fuse(text, rank)
    assert "scaled_dot_product_attention" in after, after
    assert "softmax" not in after
    q, k, v = torch.randn(B, N, D), torch.randn(B, M, D), torch.randn(B, M, D)
    if rank == 4:
        q, k, v = (each[:, None].expand(-1, H, -1, -1) for each in (q, k, v))
    outputs = []
    for each in (textwrap.dedent(text), after):
        space = environment()
        keep = space["keep"]
        assert isinstance(keep, torch.Tensor)
        keep[1], keep[3, 2] = False, True
        space["hidden"] = 1 - keep.float()
        exec(each, space)
        outputs.append(space["attend"](q, k, v))
    if "added" not in name:
        torch.testing.assert_close(outputs[0][..., 1, :], v.mean(dim=-2))
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-5, atol=1e-6)


MODULES = """
    class Block(torch.nn.Module):
        def __init__(self, share=0.4):
            super().__init__()
            self.scale = 0.5
            self.attend = torch.nn.Softmax(dim=-1)
            self.dropout = {dropout}

        def forward(self, q, k, v):
            dots = torch.matmul(q, k.transpose(-1, -2)) * self.scale
            attn = self.attend(dots)
            attn = self.dropout(attn)
            return torch.matmul(attn, v)
"""


@pytest.mark.parametrize(
    ("dropout", "expected"),
    [
        ("torch.nn.Dropout(share)", "dropout_p=self.dropout.p if self.dropout.training else 0.0"),
        ("torch.nn.Identity()", "v.unsqueeze(0),\n            scale=self.scale,"),
    ],
)
def test_softmax_and_dropout_as_modules(dropout: str, expected: str) -> None:
    text = textwrap.dedent(MODULES.format(dropout=dropout))
    site, sources = site_at(
        f"import torch\n{text}", "self.attend(dots)", op="aten::_softmax", input_shapes=((B, N, M),)
    )
    after = rewritten("fused-attention", site, sources)
    assert expected in after
    q, k, v = torch.randn(B, N, D), torch.randn(B, M, D), torch.randn(B, M, D)
    outputs = []
    for each in (text, after):
        space = environment()
        exec(each, space)
        outputs.append(space["Block"]().eval()(q, k, v))
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "dropout",
    [
        "share",
        "torch.nn.Dropout(share) if share else torch.nn.Identity()",
        "torch.nn.AlphaDropout(share)",
        "Stochastic(share)",
    ],
)
def test_another_module_behind_the_softmax_is_no_dropout(dropout: str) -> None:
    text = textwrap.dedent(MODULES.format(dropout=dropout))
    site, sources = site_at(
        f"import torch\n{text}", "self.attend(dots)", op="aten::_softmax", input_shapes=((B, N, M),)
    )
    assert "straight into" in rewritten("fused-attention", site, sources)


def test_comments_and_lines_around_survive() -> None:
    after = fuse(SPELLINGS["bmm with values on the left"], 3)
    assert "# attend to values" in after
    assert "k = k.permute(0, 2, 1)" in after


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("def attend(q, k, v):\n    w = (q @ k.mT).softmax(-1)\n    return w @ v, w\n", "more than one product"),
        ("def attend(q, k, v):\n    s = q @ k.mT\n    return s.softmax(-1) @ v, s.mean()\n", "more than the attention"),
        ("def attend(q, k, v):\n    return (q @ k.mT).softmax(-2) @ v\n", "last axis"),
        ("def attend(q, k, v):\n    return x.softmax(-1) @ v\n", "not made by an assignment"),
        (
            "def attend(q, k, v):\n    s = q @ k.mT\n    q = q + 1\n    return s.softmax(-1) @ v + q\n",
            "bound anew",
        ),
        ("def attend(q, k, v):\n    return dropout((q @ k.mT).softmax(-1)) @ v\n", "straight into"),
        (
            "def f(q, k, v):\n    s = q @ k.mT\n    s = s - k.amax(-1, keepdim=True)\n    return s.softmax(-1) @ v\n",
            "not carried over",
        ),
        (
            "def attend(q, k, v):\n    s = (q @ k.mT).masked_fill(m, float('inf'))\n    return s.softmax(-1) @ v\n",
            "not known to rule a score out",
        ),
        (
            "def attend(q, k, v):\n    s = (q @ k.mT).masked_fill(m, -100.0)\n    return s.softmax(-1) @ v\n",
            "not known to rule a score out",
        ),
        (
            "def attend(q, k, v):\n    s = (q @ k.mT).masked_fill(m, torch.finfo(q.dtype).max)\n"
            "    return s.softmax(-1) @ v\n",
            "not known to rule a score out",
        ),
        (
            "def attend(q, k, v):\n    s = q @ k.mT\n    s = s.masked_fill(m, float('-inf'))\n    m = None\n"
            "    return s.softmax(-1) @ v\n",
            "bound anew",
        ),
        (
            "def attend(q, k, v):\n    s = (q * 2) @ k.mT\n    if m is not None:\n        s.masked_fill_(m, -1e9)\n"
            "    return s.softmax(-1) @ v\n",
            "no name to say so",
        ),
        (
            "def attend(q, k, v):\n    s = q @ k.mT\n    if m is not None:\n        s.masked_fill_(m, -1e9)\n"
            "    return s.softmax(-1) @ v + q\n",
            "used after the attention",
        ),
        ("def attend(q, k, v):\n    s = q @ k.mT\n    s **= 2\n    return s.softmax(-1) @ v\n", "not carried over"),
        (
            "def attend(q, k, v):\n    s = q @ k.mT\n    s *= 2\n    s += b\n    return s.softmax(-1) @ v, s\n",
            "more than the attention",
        ),
    ],
)
def test_what_cannot_be_shown_to_be_attention_is_left_alone(text: str, reason: str) -> None:
    after = fuse(text, 3)
    assert after.startswith("declined: ")
    assert reason in after
