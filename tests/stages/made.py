"""Hand-made requests, measurements and metadata for the chapters of the audit: no process, no torch."""

import msgspec

from sdprof.comparison.plan import find_plan
from sdprof.comparison.plan_structs import BASELINE, CONTROL, Batch, Measured
from sdprof.comparison.rounds import RoundTimes
from sdprof.model import Finding, FixMeta, FixResult, Interval, Parity
from sdprof.stages.conclude import Measurements
from sdprof.stages.measure import VariantRecord
from sdprof.stages.request import AuditRequest
from sdprof.worker.protocol import Built

REQUEST = AuditRequest(target_file="/home/me/loop.py", target_name="loop", options={"device": "auto", "seed": 0})
BUILT = Built(
    settings={"device": "cpu", "size": "tiny", "steps": 4, "seed": 7, "dtype": "float32"},
    parameters={"sampler": "ddim"},
    hot_modules=(),
    source_roots=("/home/me",),
)
SAME = Parity(passed=True, max_abs_diff=0.0, max_rel_diff=0.0, tolerance=0.0, reason="The outputs are bit-equal.")
DIFFERENT = Parity(passed=False, max_abs_diff=1.0, max_rel_diff=0.5, tolerance=1e-3, reason="They differ.")
JITTER = (0.0, 0.004, -0.003, 0.002, -0.001, 0.003, -0.004, 0.001, -0.002, 0.0015, -0.0015, 0.0005)


def fix(name: str, **given: object) -> FixMeta:
    meta = FixMeta(id=name, title=f"Apply {name}", kind="module", numerics="exact")
    return msgspec.structs.replace(meta, **given)


def finding(name: str, **given: object) -> Finding:
    return msgspec.structs.replace(Finding(id=name, title=name, severity="medium", status="open"), **given)


def fix_result(
    name: str, *, applied: bool = False, gain: float | None = None, removes: tuple[str, ...] = ()
) -> FixResult:
    interval = None if gain is None else Interval(median=gain, low=gain - 0.1, high=gain + 0.1)
    return FixResult(
        id=name,
        title=name,
        kind="module",
        numerics="exact",
        applied=applied,
        reason=f"because of {name}",
        gain=interval,
        removes=removes,
    )


def measurements(seconds: dict[str, float], *, fixes: tuple[FixMeta, ...], parity: dict[str, Parity]) -> Measurements:
    """What a real search for the plan comes to, were these the seconds of each variant's run; absent ones fail."""
    batches: list[Measured] = []
    records: dict[str, VariantRecord] = {}

    def measure(batch: Batch) -> Measured:
        times = RoundTimes()
        for variant in batch.variants:
            error = "" if variant.id in seconds else "it would not start"
            records[variant.id] = VariantRecord(
                fixes=variant.fixes,
                error=error,
                did={each: (f"{each} did it",) for each in variant.fixes if not error},
                build_seconds=0.5,
                first_run_seconds=None if error else seconds[variant.id] + (3.0 if variant.fixes else 0.5),
            )
        for number, jitter in enumerate(JITTER):
            for place, variant in enumerate(batch.variants):
                if variant.id in seconds:
                    own = JITTER[(number + 3 * place) % len(JITTER)] - jitter
                    times = times.with_run(number, variant.id, seconds[variant.id] * (1 + own))
        batches.append(
            Measured(
                times=times,
                failures={each.id: "it would not start" for each in batch.variants if each.id not in seconds},
                parity={each.id: parity[each.id] for each in batch.variants if each.id in parity},
            )
        )
        return batches[-1]

    plan = find_plan(fixes, measure)
    return Measurements(plan=plan, batches=tuple(batch.times for batch in batches), records=records, parity=parity)


def twice_as_fast() -> Measurements:
    """One fix that halves the time, and one that cannot be applied."""
    return measurements(
        {BASELINE.id: 2.0, CONTROL.id: 2.0, "swap": 1.0},
        fixes=(fix("swap"), fix("broken")),
        parity={CONTROL.id: SAME, "swap": SAME},
    )
