"""The search for the set of fixes that wins on this machine.

1. **alone**: every fix (with what it requires) against the baseline. A fix that cannot be applied, changes the output
   too much or is shown to be slower is out; of fixes that exclude each other the fastest stays. Of
   the rest all that are shown to gain go on, and of the others the few that promise most.
2. **together**: the rest is added one after another, the largest gain first; fixes that compile come last, because
   every set that holds one must be compiled anew. A step stays where it is not shown to be slower than the set before
   it and its estimate is a gain. One that failed on top of a failed one, and was shown to gain alone, is tried once
   more; so is all that was to be measured on top of a set that broke. A search in short leaves this out.
3. **proof**: the sets that are left, and the best single fix where it may rival them, are measured again in fresh
   rounds. A search in short proves once more without a step that broke its set or is shown to slow it down. The plan is
   the fastest set that is *shown* to beat the baseline there, or empty where none is.

The rounds of the proof take no part in any choice before it, so the winner is not flattered by having been chosen.
The search is a generator that yields what to measure and is sent what was measured: it starts nothing itself.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Generator, Mapping, Sequence

from sdprof.comparison.plan_conclusion import conclude
from sdprof.comparison.plan_steps import Step, excluding_pair, steps_of, twins_of, variant_of
from sdprof.comparison.plan_structs import (
    BASELINE,
    CONTROL,
    Batch,
    Measured,
    Plan,
    Purpose,
    SetMeasured,
    VariantRequest,
)
from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.verdict import as_text, judge
from sdprof.model import FixMeta, Interval

Search = Generator[Batch, Measured, Plan]

MOST_UNSHOWN = 3
"""On a noisy machine half of the fixes that do nothing look like gains, and a sum of small gains is one. Simulated with
15% and 25% to be found among noise of 4%, three cost no power and bound what noise can make the search do."""
SMALLEST_BATCH = 4
"""Baseline, control, the set so far, and the set with one step more."""


def find_plan(
    fixes: Sequence[FixMeta],
    measure: Callable[[Batch], Measured],
    *,
    lossy_allowed: Collection[str] = (),
    at_once: int | None = None,
    in_short: bool = False,
) -> Plan:
    """Run :func:`search_plan` to its end with a function that measures."""
    search = search_plan(fixes, lossy_allowed=lossy_allowed, at_once=at_once, in_short=in_short)
    batch = next(search)
    while True:
        try:
            batch = search.send(measure(batch))
        except StopIteration as finished:
            plan: Plan = finished.value
            return plan


def search_plan(
    fixes: Sequence[FixMeta],
    *,
    lossy_allowed: Collection[str] = (),
    at_once: int | None = None,
    in_short: bool = False,
) -> Search:
    """Yield batches to measure, take what was measured, return the plan.

    At least one batch is yielded: with no fix to try, it holds the baseline and the control.

    :param fixes: what is offered; groups, requirements and the order of application come from their metadata.
    :param lossy_allowed: ids of lossy fixes that the user asked for; no other one takes part.
    :param at_once: how many variants can be alive at the same time, baseline and control included; None for any.
    :param in_short: prove the sets of the ladder as they come, without weeding them before.
    :raises ValueError: where ``at_once`` is below ``SMALLEST_BATCH`` or two fixes have the same id.
    """
    if at_once is not None and at_once < SMALLEST_BATCH:
        raise ValueError(f"a plan needs {SMALLEST_BATCH} variants at once, got {at_once}")
    return _Search(fixes, lossy_allowed, at_once, in_short=in_short).run()


class _Search:
    """What is known so far."""

    def __init__(
        self, fixes: Sequence[FixMeta], lossy_allowed: Collection[str], at_once: int | None, *, in_short: bool
    ) -> None:
        self.offered = {fix.id: fix for fix in fixes}
        steps, self.reasons = steps_of(fixes, lossy_allowed)
        self.twins = twins_of(steps)
        self.steps = {fix: step for fix, step in steps.items() if fix not in self.twins}
        self.at_once = at_once
        self.in_short = in_short
        self.alone = Measured(times=RoundTimes())
        self.gains: dict[str, Interval] = {}
        self.shown_alone: set[str] = set()
        self.runners_up: dict[str, list[Step]] = {}
        self.step_gains: dict[str, Interval] = {}
        self.failed_on_baseline: set[str] = set()

    def run(self) -> Search:
        self.alone = yield from self.measure("alone" if self.steps else "proof", [self.variant(s) for s in self.steps])
        left = self.promising(self.judge_alone())
        if not (left and self.alone.time_left):
            sets = [SetMeasured(step=step.fix, variant=self.variant(step.fix), before=BASELINE) for step in left]
            return self.plan(self.alone, sets, proven_apart=not self.steps)

        if self.in_short:
            sets, proof = yield from self.prove_at_once(left)
            return self.plan(proof, sets, proven_apart=True)

        kept, together = yield from self.add_together(left)
        ladder = self.ladder_of(kept)
        if not together.time_left:
            measured = [each for each in ladder if together.times.seconds(each.variant.id)]
            sets = [*measured, *self.rival(measured, left, together)]
            return self.plan(self.alone.followed_by(together), sets, proven_apart=False)

        sets = [*ladder, *self.rival(ladder, left, together)]
        if not sets:
            return self.plan(together, [], proven_apart=False)
        proof = yield from self.measure("proof", [each.variant for each in sets])
        return self.plan(proof, sets, proven_apart=True)

    def measure(self, purpose: Purpose, variants: Sequence[VariantRequest]) -> Generator[Batch, Measured, Measured]:
        """All variants against the baseline, as many at a time as may be alive.

        Fixes that require each other are one variant, measured once.
        """
        variants = list(dict.fromkeys(variants))
        room = (self.at_once or len(variants) + 2) - 2
        found = Measured(times=RoundTimes())
        for start in range(0, max(len(variants), 1), max(room, 1)):
            found = found.followed_by(
                (yield Batch(purpose=purpose, variants=(BASELINE, CONTROL, *variants[start : start + room])))
            )
            if not found.time_left:
                break
        return found

    def judge_alone(self) -> list[Step]:
        """The steps worth adding up, in the order in which to add them."""
        control = self.alone.times.pairs(BASELINE.id, CONTROL.id).interval()
        for fix in self.steps:
            variant = self.variant(fix)
            gain = self.alone.times.pairs(BASELINE.id, variant.id).interval()
            reason = self.alone.why_unusable(variant.id)
            if gain is None:
                reason = reason or "too few rounds to judge it"
            else:
                self.gains[fix] = gain
                verdict = judge(gain, control).verdict
                if verdict == "slower":
                    reason = reason or f"slower: {as_text(gain)}"
                elif verdict == "faster":
                    self.shown_alone.add(fix)
            if reason:
                self.reasons[fix] = reason
        left = [step for fix, step in self.steps.items() if fix not in self.reasons]
        left.sort(key=lambda step: (step.compiles, -self.gains[step.fix].median))
        return self.one_of_each_pair(left)

    def promising(self, left: Sequence[Step]) -> list[Step]:
        """The steps that may be more than noise: each one more costs a worker, and rounds of its own twice over."""
        unshown = [step for step in left if step.fix not in self.shown_alone]
        unshown.sort(key=lambda step: -self.gains[step.fix].median)
        for step in unshown[MOST_UNSHOWN:]:
            self.reasons[step.fix] = f"not shown alone, and others promise more: {as_text(self.gains[step.fix])}"
        return [step for step in left if step.fix not in self.reasons]

    def one_of_each_pair(self, left: Sequence[Step]) -> list[Step]:
        """Of steps that exclude each other the fastest alone."""
        winners: list[Step] = []
        for step in sorted(left, key=lambda step: -self.gains[step.fix].median):
            rival = next((each for each in winners if excluding_pair(self.offered, each.fixes | step.fixes)), None)
            if rival is None:
                winners.append(step)
                continue
            self.runners_up.setdefault(rival.fix, []).append(step)
            self.reasons[step.fix] = (
                f"excludes {rival.fix}, which was faster alone: {as_text(self.gains[rival.fix])} against "
                f"{as_text(self.gains[step.fix])}"
            )
        return [step for step in left if step.fix not in self.reasons]

    def add_together(self, left: Sequence[Step]) -> Generator[Batch, Measured, tuple[list[Step], Measured]]:
        """The steps that stay, in order, and all that was measured on the way."""
        waiting, kept = list(left), list[Step]()
        together = Measured(times=RoundTimes())
        while together.time_left:
            tried = self.next_steps(kept, waiting)
            if not tried:
                break
            ladder = self.ladder_of([*kept, *tried])[len(kept) :]
            base = [ladder[0].before] if kept else []
            measured = yield Batch(
                purpose="together", variants=(BASELINE, CONTROL, *base, *(each.variant for each in ladder))
            )
            together = together.followed_by(measured)
            faults = self.faults(ladder, measured)
            broken = [bool(measured.why_unusable(each.variant.id)) for each in ladder]
            sound = broken.index(True) if True in broken else len(tried)
            kept += [step for step, fault in zip(tried[:sound], faults[:sound], strict=True) if not fault]
            again = self.drop_failed(tried, faults, measured, ladder, sound)
            untried = [step for step in waiting if step not in tried and step.fix not in self.reasons]
            waiting = [*again, *untried]
        return kept, together

    def prove_at_once(self, left: Sequence[Step]) -> Generator[Batch, Measured, tuple[list[SetMeasured], Measured]]:
        """The ladder in fresh rounds.

        Once more without a step that broke it, for nothing above that was measured; and without one that is shown to
        slow down the set that came out fastest.
        """
        waiting = list(left)
        while True:
            ladder = self.ladder_of(self.next_steps([], waiting))
            sets = [*ladder, *self.rival(ladder, waiting, Measured(times=RoundTimes()))]
            proof = yield from self.measure("proof", [each.variant for each in sets])
            broken = next((each for each in ladder if proof.why_unusable(each.variant.id)), None)
            if not proof.time_left:
                return sets, proof
            if broken is not None:
                self.reasons[broken.step] = proof.why_unusable(broken.variant.id)
                waiting = [step for step in waiting if step.fix != broken.step] + self.next_of_group(broken.step)
                continue
            burdens = self.burdens(ladder, proof)
            if not burdens:
                return sets, proof
            self.reasons |= burdens
            waiting = [step for step in waiting if step.fix not in burdens]

    def burdens(self, ladder: Sequence[SetMeasured], proof: Measured) -> dict[str, str]:
        """Steps of the fastest set that are shown to slow it down, with the reason why they are out."""
        speeds = {each.step: proof.times.pairs(BASELINE.id, each.variant.id).interval() for each in ladder}
        known = {step: speed.median for step, speed in speeds.items() if speed is not None}
        fastest = max(known, key=lambda step: known[step], default=None)
        control = proof.times.pairs(BASELINE.id, CONTROL.id).interval()
        found: dict[str, str] = {}
        for each in itertools.takewhile(lambda each: each.step != fastest, ladder):
            gain = proof.times.pairs(each.before.id, each.variant.id).interval()
            if slower := _slower(each, gain, control):
                found[each.step] = slower
        return found

    def next_steps(self, kept: Sequence[Step], waiting: Sequence[Step]) -> list[Step]:
        """Those that add something to the set before them, as many as may be alive on top of it."""
        room = len(waiting) if self.at_once is None else self.at_once - (3 if kept else 2)
        together = frozenset[str]().union(*(step.fixes for step in kept))
        tried: list[Step] = []
        for step in waiting:
            if step.fixes <= together or len(tried) == room:
                continue
            pair = excluding_pair(self.offered, sorted(together | step.fixes))
            if pair:
                self.reasons[step.fix] = f"{pair[0]} and {pair[1]} exclude each other"
                continue
            tried.append(step)
            together |= step.fixes
        return tried

    def faults(self, ladder: Sequence[SetMeasured], measured: Measured) -> list[str]:
        """For each step why it cannot stay on the set before it; empty where it can."""
        control = measured.times.pairs(BASELINE.id, CONTROL.id).interval()
        found: list[str] = []
        for each in ladder:
            gain = measured.times.pairs(each.before.id, each.variant.id).interval()
            below = f"on top of {each.before.in_words}"
            if gain is not None:
                self.step_gains[each.step] = gain
            fault = measured.why_unusable(each.variant.id) or _slower(each, gain, control)
            if not fault and gain is None:
                fault = f"too few rounds to judge it {below}"
            elif not fault and gain is not None and gain.median <= 1:
                fault = f"no gain {below}: {as_text(gain)}"
            found.append(fault)
        return found

    def drop_failed(
        self,
        tried: Sequence[Step],
        faults: Sequence[str],
        measured: Measured,
        ladder: Sequence[SetMeasured],
        sound: int,
    ) -> list[Step]:
        """Note why the failed steps are out; the steps to be tried once more.

        :param sound: how many sets of the ladder worked; those above them say nothing of their steps.
        """
        again: list[Step] = []
        first = next((index for index, fault in enumerate(faults) if fault), len(tried))
        for index, (step, fault) in enumerate(zip(tried, faults, strict=True)):
            if index > sound or (fault and index > first and step.fix in self.shown_alone):
                again.append(step)
                continue
            if not fault:
                continue
            self.reasons[step.fix] = fault
            if ladder[index].before == BASELINE:
                self.failed_on_baseline.add(step.fix)
            if measured.why_unusable(ladder[index].variant.id):
                again.extend(self.next_of_group(step.fix))
        return again

    def next_of_group(self, broken: str) -> list[Step]:
        """The runner-up of a group whose fastest cannot be used beside the others."""
        runners_up = self.runners_up.pop(broken, [])
        for runner_up in runners_up[:1]:
            del self.reasons[runner_up.fix]
            self.runners_up[runner_up.fix] = runners_up[1:]
        return runners_up[:1]

    def rival(self, ladder: Sequence[SetMeasured], left: Sequence[Step], together: Measured) -> list[SetMeasured]:
        """The best single fix, where it may be as fast as all of them together: some fixes spoil each other."""
        sound = [step for step in left if step.fix not in self.failed_on_baseline]
        best = max(sound, key=lambda step: self.gains[step.fix].median, default=None)
        if best is None or self.gains[best.fix].median <= 1:
            return []
        variant = self.variant(best.fix)
        if variant in [each.variant for each in ladder]:
            return []
        reached = together.times.pairs(BASELINE.id, ladder[-1].variant.id).interval() if ladder else None
        if reached is not None and self.gains[best.fix].high < reached.median:
            return []
        return [SetMeasured(step=best.fix, variant=variant, before=BASELINE)]

    def ladder_of(self, steps: Sequence[Step]) -> list[SetMeasured]:
        """Baseline → +a → +a+b …"""
        ladder: list[SetMeasured] = []
        together, before = frozenset[str](), BASELINE
        for step in steps:
            together |= step.fixes
            variant = variant_of(together, self.offered)
            ladder.append(SetMeasured(step=step.fix, variant=variant, before=before))
            before = variant
        return ladder

    def variant(self, fix: str) -> VariantRequest:
        return variant_of(self.steps[fix].fixes, self.offered)

    def plan(self, proof: Measured, sets: Sequence[SetMeasured], *, proven_apart: bool) -> Plan:
        alone: Mapping[str, str] = {fix: self.variant(fix).id for fix in self.steps}
        reasons = {
            twin: f"timed as one with {first}: {self.reasons[first]}"
            for twin, first in self.twins.items()
            if first in self.reasons
        }
        return conclude(
            proof,
            sets,
            fixes=tuple(self.offered),
            twins=self.twins,
            reasons={**self.reasons, **reasons},
            gains=self.gains,
            step_gains=self.step_gains,
            parity={fix: self.alone.parity[variant] for fix, variant in alone.items() if variant in self.alone.parity},
            proven_apart=proven_apart,
        )


def _slower(step: SetMeasured, gain: Interval | None, control: Interval | None) -> str:
    """Why a step that is shown to slow down the set before it is out; empty where that is not shown."""
    if gain is None or judge(gain, control).verdict != "slower":
        return ""
    return f"slower on top of {step.before.in_words}: {as_text(gain)}"
