"""A limit and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["kept", "unsure", "unmeasured", "broken"]
"""unsure: a time above its limit by less than the noise, which breaks nothing. unmeasured: there is no number."""


@dataclass(frozen=True)
class Judged:
    """The outcome, and the sentence that tells it with numbers."""

    limit: str
    """Its name in the budget."""
    outcome: Outcome
    sentence: str


def at_most(limit: str, measured: float, allowed: float, written: str, over: str, detail: str = "") -> Judged:
    """A number without noise.

    :param written: the measured number with its unit.
    :param over: by how much it is over, with its unit.
    """
    if measured <= allowed:
        return Judged(limit, "kept", f"{written}{detail}")
    return Judged(limit, "broken", f"{written}, {over} over the limit{detail}")


def unmeasured(limit: str, why: str) -> Judged:
    """There is no number to judge."""
    return Judged(limit, "unmeasured", why)
