"""How far two orders of the same arithmetic come apart in a sampling loop: what the parity tolerances rest on.

    python benchmarks/rounding.py

A small attention network of random weights is sampled with classifier-free guidance. Both sides round every operator's
result to the format; the second sums its products in another order, scales the queries instead of the scores, and
normalises after the values are summed, as fused attention does. The last lines plant a wrong formula instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from sdprof.comparison.differences import difference
from sdprof.comparison.tolerance import ROUNDING_TOLERANCE, UNIT_ROUNDOFF

Array = NDArray[np.float32]

TOKENS, CHANNELS, WIDTH, DEPTH = 64, 4, 64, 6
GUIDANCE = 7.5
STEPS = (1, 5, 10, 25, 50)
SEEDS = range(3)
DROPPED_BITS = {"float32": 0, "tf32": 13, "bfloat16": 16}


def rounded(values: Array, precision: str) -> Array:
    """To nearest, ties to even, in the format; held as float32."""
    if precision == "float16":
        return values.astype(np.float16).astype(np.float32)
    dropped = DROPPED_BITS[precision]
    if dropped == 0:
        return values.astype(np.float32)
    bits = values.astype(np.float32).view(np.uint32)
    half = np.uint32((1 << (dropped - 1)) - 1) + ((bits >> np.uint32(dropped)) & np.uint32(1))
    return ((bits + half) >> np.uint32(dropped) << np.uint32(dropped)).view(np.float32)


@dataclass
class Network:
    """Blocks of self-attention and a gated layer on (tokens, channels)."""

    seed: int
    precision: str = "float32"
    other_order: bool = False
    attention_scale: float = 1.0

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)

        def weight(rows: int, columns: int) -> Array:
            return rng.normal(0, rows**-0.5, (rows, columns)).astype(np.float32)

        self.first, self.last, self.time = weight(CHANNELS, WIDTH), weight(WIDTH, CHANNELS), weight(1, WIDTH)
        self.blocks = [
            (*(weight(WIDTH, WIDTH) for _ in range(4)), weight(WIDTH, 4 * WIDTH), weight(4 * WIDTH, WIDTH))
            for _ in range(DEPTH)
        ]

    def product(self, left: Array, right: Array) -> Array:
        """Left @ right, or its chunks of the inner dimension summed from the last to the first."""
        left, right = rounded(left, self.precision), rounded(right, self.precision)
        if not self.other_order:
            return rounded(left @ right, self.precision)
        inner = left.shape[1]
        chunk = max(1, inner // 8)
        total = np.zeros((left.shape[0], right.shape[1]), dtype=np.float32)
        for start in reversed(range(0, inner, chunk)):
            total += left[:, start : start + chunk] @ right[start : start + chunk]
        return rounded(total, self.precision)

    def normalised(self, hidden: Array) -> Array:
        """Each token to mean 0 and variance 1."""
        centred = hidden - hidden.mean(-1, keepdims=True)
        return rounded(centred / np.sqrt(hidden.var(-1, keepdims=True) + np.float32(1e-5)), self.precision)

    def attention(self, query: Array, key: Array, value: Array) -> Array:
        """One head over all tokens."""
        scale = np.float32(self.attention_scale * WIDTH**-0.5)
        scores = self.product(query * scale, key.T) if self.other_order else self.product(query, key.T) * scale
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        total = weights.sum(-1, keepdims=True)
        if self.other_order:
            return rounded(self.product(weights, value) / total, self.precision)
        return self.product(weights / total, value)

    def __call__(self, latents: Array, time: float, context: Array) -> Array:
        """Predicted noise, (tokens, channels), for a context of (tokens, width)."""
        hidden = self.product(latents, self.first) + rounded(np.float32(time) * self.time, self.precision) + context
        for to_query, to_key, to_value, to_out, widen, narrow in self.blocks:
            normal = self.normalised(hidden)
            mixed = self.attention(*(self.product(normal, weight) for weight in (to_query, to_key, to_value)))
            hidden = rounded(hidden + self.product(mixed, to_out), self.precision)
            wide = self.product(self.normalised(hidden), widen)
            gated = rounded(wide / (1 + np.exp(-wide)), self.precision)
            hidden = rounded(hidden + self.product(gated, narrow), self.precision)
        return self.product(self.normalised(hidden), self.last)


def sample(network: Network, steps: int) -> Array:
    """DDIM without noise on a cosine schedule; latents stay float32, as under autocast."""
    rng = np.random.default_rng(1000 + network.seed)
    latents = rng.normal(size=(TOKENS, CHANNELS)).astype(np.float32)
    unconditional = np.zeros((TOKENS, WIDTH), dtype=np.float32)
    conditional = rng.normal(size=(TOKENS, WIDTH)).astype(np.float32)
    alphas = np.cos(np.linspace(1.5, 0.05, steps + 1)) ** 2
    for now, then in pairwise(alphas):
        without = network(latents, now, unconditional)
        noise = without + np.float32(GUIDANCE) * (network(latents, now, conditional) - without)
        clean = (latents - np.float32((1 - now) ** 0.5) * noise) / np.float32(now**0.5)
        latents = np.float32(then**0.5) * clean + np.float32((1 - then) ** 0.5) * noise
    return latents


def relative_difference(first: Network, second: Network, steps: int) -> float:
    """As parity judges it."""
    return difference("latents", sample(first, steps), sample(second, steps)).output.max_rel_diff


def main() -> None:
    """Print the table of docs/statistics.md."""
    print(f"| precision | {' | '.join(f'{steps} steps' for steps in STEPS)} | in unit roundoffs | tolerance |")
    print("|" + "---|" * (len(STEPS) + 3))
    for precision in ("float32", "tf32", "float16", "bfloat16"):
        worst = [
            max(relative_difference(Network(s, precision), Network(s, precision, True), steps) for s in SEEDS)
            for steps in STEPS
        ]
        units = max(worst) / UNIT_ROUNDOFF[precision]
        cells = " | ".join(f"{value:.1e}" for value in worst)
        print(f"| {precision} | {cells} | {units:.0f} | {ROUNDING_TOLERANCE[precision]:.0e} |", flush=True)
    for error in (0.01, 0.10, 0.50):
        planted = [
            max(relative_difference(Network(s), Network(s, attention_scale=1 + error), steps) for s in SEEDS)
            for steps in STEPS
        ]
        print(f"| attention scale wrong by {error:.0%} | {' | '.join(f'{v:.1e}' for v in planted)} | | |", flush=True)


if __name__ == "__main__":
    main()
