"""What opens a report that compares nothing: a recorded trace's answers, and a simulated run's."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof import quantities
from sdprof.model import AuditResult, CostProfile, TraceFacts, TraceIdle
from sdprof.renderers.tone import Tone

CAUSES = {
    "python_us": "the host's own work, mostly Python",
    "launch_bound_us": "dispatching and launching",
    "sync_us": "waiting calls",
    "copy_us": "copying calls",
    "queued_us": "work that was queued already",
    "unknown_us": "launches that were not recorded",
}
"""Parts of the idle time, as a reader would call them."""
MUCH_IDLE, SOME_IDLE = 0.25, 0.1


@dataclass(frozen=True)
class Observation:
    """One answer: a question, a figure, and the sentence that backs it."""

    question: str
    tone: Tone
    figure: str
    sentence: str


@dataclass(frozen=True)
class Observed:
    """What the first screen says where nothing was compared."""

    tone: Tone
    verdict: str
    title: str
    sentence: str
    answers: tuple[Observation, ...]


def observed(result: AuditResult) -> Observed:
    """Sum up an audit without a comparison."""
    if result.trace is not None and result.trace.gpu_events:
        return _gpu_trace(result, result.trace)
    if result.trace is not None:
        return _host_trace(result, result.trace)
    if result.costs is not None:
        return _counted(result, result.costs)
    return _simulated(result)


def idle_parts(idle: TraceIdle) -> tuple[tuple[str, float], ...]:
    """Causes of idle time in words, with microseconds, the largest first; those of nothing are left out."""
    parts = [(words, float(getattr(idle, name))) for name, words in CAUSES.items()]
    return tuple(sorted((part for part in parts if part[1] > 0), key=lambda part: -part[1]))


def _gpu_trace(result: AuditResult, trace: TraceFacts) -> Observed:
    in_loop = trace.loop_idle if trace.loop_idle is None or trace.loop_idle.span_us > 0 else trace.idle
    idle = in_loop or trace.idle or _unexplained(trace)
    # Steps that launched nothing on the GPU have no time of the GPU to speak of.
    of_steps = bool(trace.steps) and (in_loop is None or in_loop is trace.loop_idle)
    share = idle.idle_us / idle.span_us if idle.span_us else 0.0
    tone: Tone = "bad" if share >= MUCH_IDLE else "unsure" if share >= SOME_IDLE else "good"
    where = f"{quantities.counted(len(trace.steps), 'step')} of the loop" if of_steps else "the whole recording"
    parts = idle_parts(idle)
    causes = ", ".join(
        f"{words} {quantities.share(spent / idle.span_us if idle.span_us else None)}" for words, spent in parts[:3]
    )
    return Observed(
        tone=tone,
        verdict="Idle GPU" if tone == "bad" else "Recorded",
        title=f"The GPU stood idle {quantities.share(share)} of {where}",
        sentence=f"{quantities.seconds(idle.span_us / 1e6)} on {', '.join(trace.devices) or 'the GPU'}. "
        + (f"Of that time: {causes}." if causes else ""),
        answers=(
            Observation(
                "How busy",
                tone,
                f"{quantities.share(1 - (trace.idle_share or 0.0))} busy",
                f"Over the whole recording: {quantities.seconds(trace.busy_us / 1e6)} of "
                f"{quantities.seconds(trace.span_us / 1e6)}; {quantities.counted(trace.kernels, 'kernel')}, "
                f"{quantities.seconds(trace.kernel_us / 1e6)} in all.",
            ),
            _why_idle(parts, idle),
            _waits(result),
            _steps(trace),
        ),
    )


def _unexplained(trace: TraceFacts) -> TraceIdle:
    """The idle time of a trace whose gaps were not looked into."""
    idle_us = max(trace.span_us - trace.busy_us, 0.0)
    none = dict.fromkeys(("launch_bound_us", "sync_us", "copy_us", "python_us", "queued_us", "after_sync_us"), 0.0)
    return TraceIdle(span_us=trace.span_us, idle_us=idle_us, unknown_us=idle_us, **none)


def _why_idle(parts: tuple[tuple[str, float], ...], idle: TraceIdle) -> Observation:
    if not parts:
        return Observation("Why idle", "good", "Never idle", "One GPU event followed the other.")
    words, spent = parts[0]
    return Observation(
        "Why idle",
        "unsure",
        quantities.share(spent / idle.idle_us) if idle.idle_us else "0%",
        f"This much of the idle time goes to {words}.",
    )


def _waits(result: AuditResult) -> Observation:
    section = result.transfers.baseline if result.transfers is not None else None
    if section is None:
        why = (
            "The recording holds no calls that tell of them." if result.trace is not None else "They were not counted."
        )
        return Observation("Copies and syncs", "unsure", "Unknown", why)
    counts = {
        kind: sum(site.count for site in section.sites if site.in_loop and site.kind == kind) / (section.steps or 1)
        for kind in ("H2D", "D2H", "SYNC")
    }
    total = sum(counts.values())
    each = (
        f"{quantities.count(counts['H2D'])} to the device, {quantities.count(counts['D2H'])} to the host, "
        f"{quantities.counted(counts['SYNC'], 'wait')}"
    )
    return Observation(
        "Copies and syncs",
        "good" if not total else "bad" if counts["D2H"] + counts["SYNC"] >= 1 else "unsure",
        f"{quantities.count(total)} a step" if total else "None in the loop",
        f"{each}, in {quantities.counted(section.steps, 'step')}." if total else "Nothing in the loop copies or waits.",
    )


def _steps(trace: TraceFacts) -> Observation:
    if not trace.steps:
        return Observation("Steps", "unsure", "Not found", "Nothing repeats that could be a step: the whole counts.")
    seconds = sorted(step.seconds for step in trace.steps)
    return Observation(
        "Steps",
        "unsure",
        f"{quantities.seconds(seconds[len(seconds) // 2])} each",
        f"{quantities.counted(len(seconds), 'step')}, told by {trace.steps_found_by}"
        + (f" ({trace.steps_name})." if trace.steps_name else "."),
    )


def _host_trace(result: AuditResult, trace: TraceFacts) -> Observed:
    operators = f"{quantities.counted(trace.cpu_operators, 'operator')}"
    return Observed(
        tone="unsure",
        verdict="Recorded",
        title=f"{operators} on the host, and no GPU event",
        sentence="Nothing can be said of a GPU: record with CUDA activities on a machine that has one.",
        answers=(_steps(trace), _waits(result)),
    )


def _simulated(result: AuditResult) -> Observed:
    waits = _waits(result)
    return Observed(
        tone=waits.tone,
        verdict="Simulated",
        title=f"Copies and waits: {waits.figure[:1].lower()}{waits.figure[1:]}",
        sentence="Counted on a simulated CUDA device, whose times mean nothing: nothing was timed or compared.",
        answers=(waits,),
    )


def _counted(result: AuditResult, costs: CostProfile) -> Observed:
    per_step = costs.step_flops if costs.step_flops is not None else costs.flops
    unit = "step" if costs.step_flops is not None else "run"
    bounds = sorted(costs.predictions, key=lambda prediction: prediction.run_seconds)
    fitting = [prediction for prediction in bounds if prediction.fits_in_memory]
    fastest, slowest = (fitting or bounds)[0], (fitting or bounds)[-1]
    partly = len(fitting) < len(bounds)
    peak = quantities.size(costs.peak_memory_bytes)
    return Observed(
        tone="unsure",
        verdict="Counted, not run",
        title=f"{quantities.flops(per_step)} a {unit}, {peak} of memory at the peak",
        sentence="Counted on a simulated CUDA device that computes no values. What a GPU needs at least is a bound "
        "from published peak figures, not a prediction of its time, and nothing was compared.",
        answers=(
            Observation(
                "At least",
                "unsure",
                f"{quantities.seconds(fastest.run_seconds)} to {quantities.seconds(slowest.run_seconds)}",
                f"a run of {quantities.counted(costs.steps, 'step')}: from {fastest.gpu} to {slowest.gpu}"
                + (", where it fits." if partly else "."),
            ),
            Observation(
                "Memory",
                "unsure",
                peak,
                f"{quantities.size(costs.weight_bytes)} of it weights. It fits "
                + (
                    f"{len(fitting)} of {len(bounds)} GPUs."
                    if len(fitting) < len(bounds)
                    else "every GPU in the table."
                ),
            ),
            _waits(result),
        ),
    )
