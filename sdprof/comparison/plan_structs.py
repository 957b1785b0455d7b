"""What the search for a plan asks to be measured, is told, and answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.verdict import Judgement
from sdprof.model import Interval, Parity

Purpose = Literal["alone", "together", "proof"]


class VariantRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A set of fixes to measure."""

    id: str
    fixes: tuple[str, ...]
    """In the order in which they are applied; empty for the baseline and for its second run."""

    @property
    def in_words(self) -> str:
        """What a sentence calls it."""
        if not self.fixes:
            return "the baseline"
        first, *others = self.fixes
        return f"{first} and {len(others)} more" if len(others) > 1 else " and ".join(self.fixes)


BASELINE = VariantRequest(id="baseline", fixes=())
CONTROL = VariantRequest(id="baseline-again", fixes=())
"""The baseline once more in the same rounds, in a worker of its own: what it differs from itself by is no gain."""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Variants to be measured side by side, each once a round."""

    purpose: Purpose
    """alone and together choose: few rounds will do (5, say), for nothing is claimed from them. proof is what the
    verdict rests on: as many rounds as there is time for, 12 or more (docs/statistics.md says why 12)."""
    variants: tuple[VariantRequest, ...]
    """The first is the baseline, the second the A/A control."""


class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a batch. Round numbers may begin at 0 in every batch."""

    times: RoundTimes
    failures: Mapping[str, str] = {}
    """Variant id to a sentence: why it could not be built or applied. It then has no times."""
    parity: Mapping[str, Parity] = {}
    """Variant id to the comparison of its outputs with the baseline's, where one was made."""
    time_left: bool = True
    """False: no other batch will be measured, so that the search has to decide on what it has."""

    def why_unusable(self, variant: str) -> str:
        """Why nothing can be built on this variant, or an empty string."""
        if variant in self.failures:
            return f"failed to apply: {self.failures[variant]}"
        failed_runs = self.times.failures(variant)
        if failed_runs and not self.times.seconds(variant):
            return f"failed to run: {failed_runs[0]}"
        if variant in self.parity and not self.parity[variant].passed:
            return f"parity failed: {self.parity[variant].reason}"
        return ""

    def followed_by(self, later: Measured) -> Measured:
        """Both together; where they speak of the same variant, the later one counts."""
        return Measured(
            times=self.times.followed_by(later.times),
            failures={**self.failures, **later.failures},
            parity={**self.parity, **later.parity},
            time_left=later.time_left,
        )


class SetMeasured(msgspec.Struct, frozen=True, kw_only=True):
    """A set of fixes that stands for election."""

    step: str
    """The fix whose turn it was: it is what this set has more than the one before, with what it requires."""
    variant: VariantRequest
    before: VariantRequest
    """The set that the step was added to; the baseline for a fix alone."""


class FixDecision(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a fix, and why."""

    id: str
    applied: bool
    reason: str
    gain: Interval | None = None
    """Speed-up of the fix alone (with what it requires) against the baseline, from the first measurement."""
    gain_in_plan: Interval | None = None
    """Speed-up against the set that it was added to."""
    parity: Parity | None = None
    """Of the fix alone."""
    timed_with: str = ""
    """The fix that it was measured as one with; empty where it was measured itself."""


class WaterfallBar(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of baseline → +fix → …"""

    variant: str
    added: tuple[str, ...]
    """Fixes that this bar has and the one before it has not: one, or one with what it requires."""
    seconds: float
    """Of one run: the baseline's median over the bar's speed-up, so that a drift of the machine does not bend it."""
    speedup: Interval | None
    """Against the baseline; None for the baseline itself."""


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """The fastest set of fixes that was shown to beat the baseline, or none."""

    variant: VariantRequest | None
    """None where no set was shown to win."""
    judgement: Judgement
    speedup: Interval | None
    """Of the chosen variant; where none was, of the one that came nearest."""
    control: Interval | None
    decisions: tuple[FixDecision, ...]
    """One for each fix that was offered, in that order."""
    waterfall: tuple[WaterfallBar, ...]
    times: RoundTimes
    """The rounds that the verdict rests on."""
    proven_apart: bool
    """True where no choice was made on the rounds that the verdict rests on. A verdict on the very rounds that chose
    the candidate flatters it."""
