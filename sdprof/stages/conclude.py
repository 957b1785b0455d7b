"""Put everything together: the one result that all renderers read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING

import msgspec

from sdprof.comparison.break_even import break_even_runs
from sdprof.comparison.plan_structs import BASELINE, CONTROL, FixDecision, Plan
from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.steadiness import unsteadiness
from sdprof.model import (
    AuditedTarget,
    Comparison,
    Finding,
    FixMeta,
    FixResult,
    FixRewrites,
    Parity,
    Timing,
    Variant,
    WaterfallStep,
)
from sdprof.stages.measure import VariantRecord
from sdprof.stages.request import AuditRequest
from sdprof.stages.source_results import told_of_source
from sdprof.worker.protocol import Built

if TYPE_CHECKING:
    from sdprof.stages.offer import Offer


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """All that was measured of the variants."""

    plan: Plan
    batches: tuple[RoundTimes, ...]
    """The rounds of every batch, the last one being those of the proof."""
    records: Mapping[str, VariantRecord]
    parity: Mapping[str, Parity]


def audited_target(request: AuditRequest, built: Built) -> AuditedTarget:
    """What was audited, as the target resolved it."""
    settings = built.settings
    return AuditedTarget(
        name=request.target_name,
        size=_text(settings.get("size")),
        steps=_number(settings.get("steps")),
        batch_size=_number(settings.get("batch_size")),
        height=_number(settings.get("height")),
        width=_number(settings.get("width")),
        device=str(settings.get("device") or "cpu"),
        dtype=_text(settings.get("dtype")),
        seed=_number(settings.get("seed")) or 0,
        summary=request.summary,
        source_roots=built.source_roots,
        parameters=dict(built.parameters),
    )


def variants(measured: Measurements) -> tuple[Variant, ...]:
    """All variants that were started, the baseline first; each with its latest rounds."""
    baseline_first = sorted(measured.records, key=lambda name: (name != BASELINE.id, name != CONTROL.id))
    return tuple(_variant(name, measured) for name in baseline_first)


def _variant(name: str, measured: Measurements) -> Variant:
    record = measured.records[name]
    rounds = next((times for times in reversed(measured.batches) if times.seconds(name)), None)
    seconds = rounds.seconds(name) if rounds is not None else ()
    steady = median(seconds) if seconds else None
    pairs = rounds.pairs(BASELINE.id, name) if rounds is not None and name != BASELINE.id else None
    return Variant(
        id=name,
        label=_label(name, record.fixes),
        fixes=record.fixes,
        timing=Timing(seconds=seconds, median=median(seconds), low=min(seconds), high=max(seconds))
        if seconds
        else None,
        compile_seconds=max(0.0, record.first_run_seconds - steady)
        if record.first_run_seconds is not None and steady is not None
        else None,
        build_seconds=record.build_seconds,
        peak_memory_bytes=record.peak_memory_bytes,
        speedup=pairs.interval() if pairs is not None else None,
        round_speedups=tuple(before / after for before, after in zip(pairs.baseline, pairs.candidate, strict=True))
        if pairs is not None
        else (),
        parity=measured.parity.get(name),
        error=record.error,
        notes=tuple(sentence for did in record.did.values() for sentence in did),
    )


def comparison(measured: Measurements) -> Comparison:
    """Before and after."""
    plan = measured.plan
    candidate = plan.variant.id if plan.variant is not None else None
    others = tuple(
        entry for entry in dict.fromkeys(run.entry for run in plan.times.runs) if entry not in (BASELINE.id, CONTROL.id)
    )
    has_control = bool(plan.times.seconds(CONTROL.id))
    return Comparison(
        baseline=BASELINE.id,
        candidate=candidate,
        rounds=plan.speedup.rounds if plan.speedup is not None else len(plan.times.order()),
        speedup=plan.speedup,
        verdict=plan.judgement.verdict,
        control=plan.control,
        break_even_runs=_break_even(measured, candidate) if candidate is not None else None,
        parity=measured.parity.get(candidate) if candidate is not None else _parity_of_largest(measured),
        explanation=plan.judgement.explanation,
        order=plan.times.order(),
        flags=unsteadiness(
            plan.times, baseline=BASELINE.id, control=CONTROL.id if has_control else None, candidates=others
        ),
    )


def _parity_of_largest(measured: Measurements) -> Parity | None:
    """Where nothing was chosen: how the outputs fared under the most fixes that kept them; else under the most."""
    compared = [(name, record) for name, record in measured.records.items() if name in measured.parity and record.fixes]
    if not compared:
        return measured.parity.get(CONTROL.id)
    name, largest = max(compared, key=lambda each: (measured.parity[each[0]].passed, len(each[1].fixes)))
    parity = measured.parity[name]
    tried = f"Of {' + '.join(largest.fixes)}, which was tried and not chosen."
    return msgspec.structs.replace(parity, reason=f"{tried} {parity.reason}")


def _break_even(measured: Measurements, candidate: str) -> float | None:
    times = measured.plan.times
    before, after = measured.records[BASELINE.id], measured.records[candidate]
    if None in (before.first_run_seconds, after.first_run_seconds) or not times.seconds(candidate):
        return None
    return break_even_runs(
        extra_seconds=(after.first_run_seconds or 0.0) - (before.first_run_seconds or 0.0),
        baseline_seconds=median(times.seconds(BASELINE.id)),
        candidate_seconds=median(times.seconds(candidate)),
    )


def fix_results(
    measured: Measurements,
    metas: Mapping[str, FixMeta],
    left_out: tuple[FixResult, ...],
    by_fix: Mapping[str, FixRewrites] = MappingProxyType({}),
    offered: Offer | None = None,
) -> tuple[FixResult, ...]:
    """What became of every fix: those in the plan first, then those in the patch, those tried, and the others.

    :param by_fix: what the source fixes did.
    """
    tried = [
        told_of_source(fix, by_fix[fix.id], offered) if fix.id in by_fix and fix.kind == "source" else fix
        for fix in (_fix_result(decision, metas[decision.id], measured) for decision in measured.plan.decisions)
    ]
    return tuple(sorted((*tried, *left_out), key=_standing))


def _standing(fix: FixResult) -> tuple[bool, bool, bool]:
    return not fix.applied, fix.rewrites is None or not fix.rewrites.in_patch, fix.gain is None


def _fix_result(decision: FixDecision, meta: FixMeta, measured: Measurements) -> FixResult:
    did = next(
        (record.did[meta.id] for record in measured.records.values() if meta.id in record.did),
        (),
    )
    return FixResult(
        id=meta.id,
        title=meta.title,
        kind=meta.kind,
        numerics=meta.numerics,
        applied=decision.applied,
        reason=decision.reason[:1].upper() + decision.reason[1:],
        gain=decision.gain,
        gain_in_plan=decision.gain_in_plan,
        timed_with=decision.timed_with,
        parity=decision.parity,
        removes=meta.removes,
        did=did,
    )


def waterfall(plan: Plan, calls_per_run: int, findings: tuple[Finding, ...] = ()) -> tuple[WaterfallStep, ...]:
    """The bars of baseline → +fix → …, in milliseconds a step.

    A bar is predicted from the one above it: less what the audits said that those findings cost which its fixes, and
    none before them, remove. No bar is predicted where no such cost was.

    :param findings: with the fixes that remove each.
    """
    bars: list[WaterfallStep] = []
    left = [finding for finding in findings if finding.cost and finding.cost.predicted_ms_per_step is not None]
    for bar in plan.waterfall:
        removed = [finding for finding in left if not set(bar.added).isdisjoint(finding.fixes)]
        left = [finding for finding in left if finding not in removed]
        saved = sum(finding.cost.predicted_ms_per_step or 0.0 for finding in removed if finding.cost)
        bars.append(
            WaterfallStep(
                variant=bar.variant,
                fix=" + ".join(bar.added) or None,
                ms_per_step=1e3 * bar.seconds / calls_per_run,
                speedup=bar.speedup,
                predicted_ms_per_step=max(bars[-1].ms_per_step - saved, 0.0) if bars and removed else None,
            )
        )
    return tuple(bars)


def gone_ms_per_step(plan: Plan, calls_per_run: int) -> dict[str, float]:
    """What each fix that is a bar of its own took away in its place in the waterfall."""
    bars = waterfall(plan, calls_per_run)
    return {
        step.added[0]: above.ms_per_step - bar.ms_per_step
        for above, bar, step in zip(bars, bars[1:], plan.waterfall[1:], strict=False)
        if len(step.added) == 1
    }


def _label(name: str, fixes: tuple[str, ...]) -> str:
    if name == CONTROL.id:
        return "the target as it is, once more (A/A control)"
    return " + ".join(fixes) if fixes else "the target as it is"


def _text(value: str | int | None) -> str | None:
    return None if value is None else str(value)


def _number(value: str | int | None) -> int | None:
    return value if isinstance(value, int) else None
