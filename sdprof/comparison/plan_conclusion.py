"""What the proof says: which set won, what became of each fix, and the bars from the baseline to the winner."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from sdprof.comparison.plan_structs import (
    BASELINE,
    CONTROL,
    FixDecision,
    Measured,
    Plan,
    SetMeasured,
    WaterfallBar,
)
from sdprof.comparison.verdict import Judgement, as_text, judge
from sdprof.model import Interval, Parity


def conclude(
    proof: Measured,
    sets: Sequence[SetMeasured],
    *,
    fixes: Sequence[str],
    twins: Mapping[str, str],
    reasons: Mapping[str, str],
    gains: Mapping[str, Interval],
    step_gains: Mapping[str, Interval],
    parity: Mapping[str, Parity],
    proven_apart: bool,
) -> Plan:
    """Choose the fastest set that is shown to beat the baseline in these rounds, and say why for every fix.

    :param sets: what stands for election, each set of a ladder after the one that it was added to.
    :param twins: fixes that were measured as one with another, by that other's id.
    :param reasons: why fixes went out before the proof.
    :param gains: of each fix alone.
    :param step_gains: of each fix on top of the set that it was added to, from before the proof.
    """
    control = proof.times.pairs(BASELINE.id, CONTROL.id).interval()
    speedups = {each.variant.id: proof.times.pairs(BASELINE.id, each.variant.id).interval() for each in sets}
    chosen = _fastest_shown(proof, sets, speedups, control)
    nearest = chosen or _nearest(sets, speedups)
    speedup = speedups[nearest.variant.id] if nearest else None
    ladder = _ladder_to(chosen, sets)
    proven = {each.step: proof.times.pairs(each.before.id, each.variant.id).interval() for each in ladder}
    in_plan = {**step_gains, **{step: gain for step, gain in proven.items() if gain is not None}}
    return Plan(
        variant=chosen.variant if chosen else None,
        judgement=_judgement(chosen, nearest, speedup, control, proven_apart),
        speedup=speedup,
        control=control,
        decisions=tuple(
            FixDecision(
                id=fix,
                applied=chosen is not None and fix in chosen.variant.fixes,
                reason=_reason(fix, chosen, ladder, sets, twins, reasons, speedups, in_plan, control),
                gain=gains.get(twins.get(fix, fix)),
                gain_in_plan=in_plan.get(twins.get(fix, fix)),
                parity=parity.get(twins.get(fix, fix)),
                timed_with=twins.get(fix, ""),
            )
            for fix in fixes
        ),
        waterfall=_waterfall(proof, ladder, speedups),
        times=proof.times,
        proven_apart=proven_apart,
    )


def _fastest_shown(
    proof: Measured,
    sets: Sequence[SetMeasured],
    speedups: Mapping[str, Interval | None],
    control: Interval | None,
) -> SetMeasured | None:
    best: tuple[float, SetMeasured] | None = None
    for each in sets:
        speedup = speedups[each.variant.id]
        if speedup is None or proof.why_unusable(each.variant.id) or judge(speedup, control).verdict != "faster":
            continue
        if best is None or speedup.median > best[0]:
            best = speedup.median, each
    return best[1] if best else None


def _nearest(sets: Sequence[SetMeasured], speedups: Mapping[str, Interval | None]) -> SetMeasured | None:
    measured = {each: speedup.median for each in sets if (speedup := speedups[each.variant.id]) is not None}
    return max(measured, key=measured.__getitem__, default=None)


def _judgement(
    chosen: SetMeasured | None,
    nearest: SetMeasured | None,
    speedup: Interval | None,
    control: Interval | None,
    proven_apart: bool,
) -> Judgement:
    if chosen is not None:
        judgement = judge(speedup, control)
        flattered = "" if proven_apart else " No time was left to prove it in rounds of its own, which flatters it."
        return Judgement(verdict=judgement.verdict, explanation=judgement.explanation + flattered)
    if nearest is None or speedup is None:
        return Judgement(verdict="not-shown", explanation="No set of fixes is left that could beat the baseline.")
    return Judgement(
        verdict="not-shown",
        explanation=(
            f"No set of fixes was shown to beat the baseline; {nearest.variant.in_words} came nearest with "
            f"{as_text(speedup)} times its speed."
        ),
    )


def _ladder_to(chosen: SetMeasured | None, sets: Sequence[SetMeasured]) -> list[SetMeasured]:
    """The sets on the way from the baseline to the chosen one, which comes last."""
    ladder: list[SetMeasured] = []
    current = chosen
    while current is not None:
        ladder.insert(0, current)
        before = current.before
        current = next((each for each in sets if each.variant == before), None)
    return ladder


def _reason(
    fix: str,
    chosen: SetMeasured | None,
    ladder: Sequence[SetMeasured],
    sets: Sequence[SetMeasured],
    twins: Mapping[str, str],
    reasons: Mapping[str, str],
    speedups: Mapping[str, Interval | None],
    in_plan: Mapping[str, Interval],
    control: Interval | None,
) -> str:
    if chosen is not None and fix in chosen.variant.fixes:
        return _why_applied(fix, ladder, twins, in_plan, control)
    if fix in reasons:
        return reasons[fix]
    own = next((each for each in sets if fix in each.variant.fixes), None)
    reached = speedups[own.variant.id] if own else None
    if own is None or reached is None:
        return "not shown: no set with it was measured"
    if chosen is None:
        return f"not shown: {own.variant.in_words} reached {as_text(reached)} times the baseline's speed"
    won = speedups[chosen.variant.id]
    assert won is not None
    return f"the fastest set that was shown is without it: {as_text(won)} against {as_text(reached)} with it"


def _why_applied(
    fix: str,
    ladder: Sequence[SetMeasured],
    twins: Mapping[str, str],
    in_plan: Mapping[str, Interval],
    control: Interval | None,
) -> str:
    step = next((each for each in ladder if each.step == fix), None)
    if step is None:
        bearer = next(each for each in ladder if fix in each.variant.fixes)
        return f"timed as one with {twins[fix]}" if fix in twins else f"needed by {bearer.step}"
    gain = in_plan.get(fix)
    if gain is None:
        return f"part of {ladder[-1].variant.in_words}"
    if judge(gain, control).verdict == "faster":
        return f"gains {as_text(gain)} on top of {step.before.in_words}"
    return f"kept, a gain not shown by itself: {as_text(gain)} on top of {step.before.in_words}"


def _waterfall(
    proof: Measured, ladder: Sequence[SetMeasured], speedups: Mapping[str, Interval | None]
) -> tuple[WaterfallBar, ...]:
    baseline_seconds = proof.times.seconds(BASELINE.id)
    if not baseline_seconds:
        return ()
    bars = [WaterfallBar(variant=BASELINE.id, added=(), seconds=median(baseline_seconds), speedup=None)]
    before: tuple[str, ...] = ()
    for each in ladder:
        speedup = speedups[each.variant.id]
        if speedup is None:
            continue
        added = tuple(fix for fix in each.variant.fixes if fix not in before)
        seconds = median(baseline_seconds) / speedup.median
        bars.append(WaterfallBar(variant=each.variant.id, added=added, seconds=seconds, speedup=speedup))
        before = each.variant.fixes
    return tuple(bars)
