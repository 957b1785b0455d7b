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
    ],
)
def test_what_cannot_be_shown_to_be_attention_is_left_alone(text: str, reason: str) -> None:
    after = fuse(text, 3)
    assert after.startswith("declined: ")
    assert reason in after
