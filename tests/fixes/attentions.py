"""Attention as people write it, each with its own names, layout and way of doing the products."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import nn


class EinsumHeads(nn.Module):
    """Heads folded into the batch, two einsums, queries and keys in fp32; optional context and boolean mask."""

    def __init__(self, width: int = 32, context: int = 24, heads: int = 4) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (width // heads) ** -0.5
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k = nn.Linear(context, width, bias=False)
        self.to_v = nn.Linear(context, width, bias=False)
        self.to_out = nn.Sequential(nn.Linear(width, width), nn.Dropout(0.1))

    def forward(self, x, context=None, mask=None):
        context = x if context is None else context
        b, n, _ = x.shape

        def split(t):
            return t.view(b, t.shape[1], self.heads, -1).permute(0, 2, 1, 3).reshape(b * self.heads, t.shape[1], -1)

        q, k, v = split(self.to_q(x)), split(self.to_k(context)), split(self.to_v(context))
        with torch.autocast("cpu", enabled=False):
            sim = torch.einsum("b i d, b j d -> b i j", q.float(), k.float()) * self.scale
        if mask is not None:
            hidden = ~mask.repeat_interleave(self.heads, 0)[:, None, :]
            sim.masked_fill_(hidden, -torch.finfo(sim.dtype).max)
        attn = sim.softmax(dim=-1)
        out = torch.einsum("b i j, b j d -> b i d", attn, v.to(attn.dtype) if v.dtype == torch.float64 else v)
        return self.to_out(out.view(b, self.heads, n, -1).permute(0, 2, 1, 3).reshape(b, n, -1))


class PixelAttention(nn.Module):
    """Over the pixels of an image, with 1×1 convolutions and bmm; softmax over the last, then transposed."""

    def __init__(self, channels: int = 16) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(4, channels)
        self.queries = nn.Conv2d(channels, channels, 1)
        self.keys = nn.Conv2d(channels, channels, 1)
        self.values = nn.Conv2d(channels, channels, 1)
        self.project = nn.Conv2d(channels, channels, 1)

    def forward(self, x):
        h = self.norm(x)
        b, c, height, width = x.shape
        q = self.queries(h).reshape(b, c, -1).permute(0, 2, 1)
        k = self.keys(h).reshape(b, c, -1)
        w = torch.bmm(q, k)
        w = w * (int(c) ** (-0.5))
        w = F.softmax(w, dim=2)
        w = w.permute(0, 2, 1)
        out = torch.bmm(self.values(h).reshape(b, c, -1), w)
        return x + self.project(out.reshape(b, c, height, width))


class FusedQkv(nn.Module):
    """One projection for all three, `@`, a separate softmax module and a causal mask that is added."""

    def __init__(self, width: int = 32, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.soft = nn.Softmax(dim=-1)
        self.drop = nn.Dropout(0.2)
        self.out = nn.Linear(width, width)
        self.register_buffer("causal", torch.full((64, 64), float("-inf")).triu(1), persistent=False)

    def forward(self, x):
        b, n, width = x.shape
        q, k, v = self.qkv(x).reshape(b, n, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1]) + self.causal[:n, :n]
        out = self.drop(self.soft(scores)) @ v
        return self.out(out.transpose(1, 2).reshape(b, n, width))


class ChannelsFirst(nn.Module):
    """Features before positions, queries and keys both scaled before the product, and no parameters of its own."""

    def forward(self, qkv):
        q, k, v = qkv.chunk(3, dim=1)
        scale = 1 / math.sqrt(math.sqrt(q.shape[1]))
        weight = torch.einsum("bct,bcs->bts", q * scale, k * scale)
        weight = torch.softmax(weight.float(), dim=-1).type(weight.dtype)
        return torch.einsum("bts,bcs->bct", weight, v)


class MultiQuery(nn.Module):
    """Many queries' heads over one head of keys and values, with a learned bias between positions."""

    def __init__(self, width: int = 24, heads: int = 3, length: int = 10) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * (width // heads))
        self.position = nn.Parameter(torch.randn(heads, length, length))

    def forward(self, hidden):
        b, n, _ = hidden.shape
        q = self.query(hidden).view(b, n, self.heads, -1)
        k, v = self.key_value(hidden).chunk(2, dim=-1)
        scores = torch.einsum("bihd,bjd->bhij", q, k) / q.shape[-1] ** 0.5
        probs = torch.softmax(scores + self.position, dim=-1)
        return torch.einsum("bhij,bjd->bihd", probs, v).reshape(b, n, -1)


class BaddbmmWithMask(nn.Module):
    """baddbmm onto a mask; then the heads are taken apart by a view before the product with the values."""

    def __init__(self, width: int = 16, heads: int = 2) -> None:
        super().__init__()
        self.heads = heads
        self.a, self.b, self.c = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x, attention_mask):
        b, n, width = x.shape

        def split(t):
            return t.view(b, n, self.heads, -1).transpose(1, 2).reshape(b * self.heads, n, -1)

        q, k, v = split(self.a(x)), split(self.b(x)), self.c(x).view(b, n, self.heads, -1).transpose(1, 2)
        mask = attention_mask.repeat_interleave(self.heads, 0)
        scores = torch.baddbmm(mask, q, k.transpose(1, 2), beta=1, alpha=q.shape[-1] ** -0.5)
        probs = torch.nn.functional.softmax(scores.view(b, self.heads, n, n), -1)
        return torch.matmul(probs, v).transpose(1, 2).reshape(b, n, width)


class SoftmaxOverRows(nn.Module):
    """Keys are the rows of the scores: softmax over the last but one."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.p = nn.Linear(width, 3 * width)

    def forward(self, x):
        k, q, v = self.p(x).chunk(3, -1)
        weights = torch.einsum("bjd,bid->bji", k, q).mul(0.25).softmax(1)
        return torch.einsum("bji,bjd->bid", weights, v)


class ReturnsWeights(nn.Module):
    """Hands its probabilities out."""

    def forward(self, x):
        weights = (x @ x.transpose(1, 2)).softmax(-1)
        return weights @ x, weights


class Renormalises(nn.Module):
    """Does something to the probabilities that no kernel does."""

    def forward(self, x):
        weights = (x @ x.transpose(1, 2)).softmax(-1)
        weights = weights / (1e-6 + weights.sum(1, keepdim=True))
        return weights @ x


class Classifier(nn.Module):
    """A softmax that is not attention."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        return torch.softmax(self.head(x), -1)


class SlicedOverHeads(nn.Module):
    """Saves memory by a loop over slices of the batch, written into a buffer."""

    def forward(self, x):
        out = torch.zeros_like(x)
        for start in range(0, x.shape[0], 2):
            rows = slice(start, start + 2)
            sim = torch.einsum("b i d, b j d -> b i j", x[rows], x[rows])
            sim *= 0.3
            out[rows] = torch.einsum("b i j, b j d -> b i d", sim.softmax(dim=-1), x[rows])
        return out


class StableSoftmax(nn.Module):
    """Subtracts the largest score first: the scores are needed."""

    def forward(self, x):
        scores = x @ x.transpose(-1, -2)
        return torch.softmax(scores - scores.amax(-1, keepdim=True), -1) @ x
