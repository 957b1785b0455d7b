"""The four answers that every rendering opens with: how much faster, how sure, still the same output, and why."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof import quantities
from sdprof.model import AuditResult, Comparison, FixResult, Parity
from sdprof.renderers import step_time
from sdprof.renderers.observed import Observation, observed
from sdprof.renderers.tone import Tone

TOO_FEW_ROUNDS = 4
"""Under this many rounds no interval keeps its promise (docs: which interval, and why)."""


@dataclass(frozen=True)
class Answer:
    """An answer in a word or two, and the sentence that backs it."""

    tone: Tone
    word: str
    sentence: str


@dataclass(frozen=True)
class Headline:
    """What the first screen says."""

    tone: Tone
    verdict: str
    title: str
    sentence: str
    before_ms: float | None
    after_ms: float | None
    unit: str
    sure: Answer
    same: Answer
    reasons: tuple[FixResult, ...]
    """Applied fixes, the one that gained most first; one of each that were timed as one."""
    observations: tuple[Observation, ...] = ()
    """The answers of an audit that compares nothing; empty where variants were to be compared."""


def headline(result: AuditResult) -> Headline:
    """Sum up an audit."""
    before_ms, after_ms = step_time.before_and_after(result)
    seen = observed(result) if result.kind != "audit" else None
    tone, verdict, title, sentence = (
        _verdict(result) if seen is None else (seen.tone, seen.verdict, seen.title, seen.sentence)
    )
    return Headline(
        tone=tone,
        verdict=verdict,
        title=title,
        sentence=sentence,
        before_ms=before_ms,
        after_ms=after_ms,
        unit=step_time.step_times(result).unit,
        sure=_sure(result.comparison),
        same=_same(result.comparison),
        reasons=_reasons(result.fixes),
        observations=seen.answers if seen is not None else (),
    )


def _verdict(result: AuditResult) -> tuple[Tone, str, str, str]:
    comparison = result.comparison
    if comparison is None:
        gone = [gap.reason for gap in result.missing if gap.section in ("comparison", "timing")]
        return "unsure", "Not measured", "Nothing was compared", gone[0] if gone else "This audit timed no variants."
    parity, ratio = comparison.parity, quantities.times(comparison.speedup)
    if comparison.candidate is None:
        title = "No set of fixes was shown to win"
        return "unsure", "Not shown", title, comparison.explanation or "The code stays as it is."
    if parity is not None and not parity.passed:
        title = f"{ratio}, but the output is not the same" if comparison.speedup else "The output is not the same"
        return "bad", "Output differs", title, parity.reason or comparison.explanation
    if comparison.verdict == "faster":
        same = ", with the same output" if parity is not None and parity.judged else ""
        return "good", "Faster", f"{ratio.removesuffix('×')} times as fast{same}", comparison.explanation
    if comparison.verdict == "slower":
        return "bad", "Slower", f"Slower: {ratio.removesuffix('×')} times the speed", comparison.explanation
    return "unsure", "Not shown", "No speed-up was shown", comparison.explanation


def _sure(comparison: Comparison | None) -> Answer:
    if comparison is None:
        return Answer("unsure", "Not measured", "There is nothing to be sure of.")
    rounds = f"{quantities.counted(comparison.rounds, 'round')}, all variants in turn, paired by round."
    if comparison.rounds < TOO_FEW_ROUNDS:
        return Answer("unsure", "Too few rounds", f"{rounds} No interval is trusted under {TOO_FEW_ROUNDS}.")
    if comparison.speedup is None:
        return Answer("unsure", "No interval", rounds)
    if comparison.verdict == "not-shown":
        return Answer("unsure", "Not sure", f"{rounds} The difference does not stand out from the noise.")
    tone: Tone = "good" if comparison.verdict == "faster" else "bad"
    return Answer(tone, "Sure", f"{rounds} The 95% interval stays clear of 1.")


def _same(comparison: Comparison | None) -> Answer:
    parity = None if comparison is None else comparison.parity
    if parity is None:
        return Answer("unsure", "Not checked", "The outputs were not compared.")
    if not parity.baseline_reproducible:
        return Answer(
            "unsure",
            "Cannot tell",
            parity.reason or "The baseline does not give the same output twice: seed inside run.",
        )
    if not parity.passed:
        return Answer("bad", "No", parity.reason or parity_figures(parity))
    if not parity.judged:
        return Answer(
            "unsure", "Not judged", parity.reason or f"A lossy fix without a tolerance. {parity_figures(parity)}"
        )
    if parity.max_abs_diff == 0:
        return Answer("good", "Yes, to the bit", "Every output value is equal.")
    word = "Within the limit" if parity.numerics == "lossy" else "Yes, within rounding"
    return Answer("good", word, parity_figures(parity))


def parity_figures(parity: Parity) -> str:
    """The largest difference beside the limit on it."""
    difference = f"Largest difference {quantities.number(parity.max_rel_diff)} of the output's magnitude"
    if not parity.judged:
        return f"{difference}."
    limit = "0 (bit-equal)" if parity.tolerance == 0 else quantities.chosen(parity.tolerance)
    return f"{difference}; the limit is {limit}."


def _reasons(fixes: tuple[FixResult, ...]) -> tuple[FixResult, ...]:
    def gain(fix: FixResult) -> float:
        interval = fix.gain_in_plan or fix.gain
        return 0.0 if interval is None else interval.median

    return tuple(sorted((fix for fix in fixes if fix.applied and not fix.timed_with), key=gain, reverse=True))
