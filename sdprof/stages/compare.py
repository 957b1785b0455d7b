"""Search for the fixes that win: ask the plan what to measure, measure it, tell the plan."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from safetensors.numpy import load_file

from sdprof.comparison.parity import Outputs, coarsest, compare_outputs
from sdprof.comparison.plan import SMALLEST_BATCH, find_plan
from sdprof.comparison.plan_structs import BASELINE, CONTROL, Batch, Measured, Purpose
from sdprof.comparison.tolerance import ROUNDING_TOLERANCE
from sdprof.model import FixMeta, Parity
from sdprof.run_folder import RunFolder
from sdprof.stages.conclude import Measurements
from sdprof.stages.measure import Measurer, RoundPolicy, VariantRecord, outputs_file
from sdprof.stages.request import AuditRequest
from sdprof.worker.protocol import Built

THOROUGH_BUDGET_SECONDS = 600.0
"""With less, the ladder goes to the proof as it comes. Among 300 simulated searches with 4 rounds to choose and 12 to
prove, that found true gains more often (0.41 against 0.26 for one of 5%) and no more false ones than chance allows."""
CHOOSING_ROUNDS = (4, 6)
QUICK_CHOOSING_ROUNDS = (4, 4)
"""Fewest and most rounds of a measurement from which nothing is claimed."""
PROVING_ROUNDS = (12, 30)
"""Under 12 rounds a single stalled run can carry a bound of the interval away (docs/statistics.md)."""
QUICK_PROVING_ROUNDS = (8, 8)
SHARE_OF_BUDGET: dict[Purpose, float] = {"alone": 0.2, "together": 0.3, "proof": 1.0}
"""Of what is left of the budget when a batch begins."""


class KeptBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A measured batch in the run folder: an audit that goes on does not measure it again."""

    purpose: Purpose
    variants: tuple[str, ...]
    measured: Measured
    records: dict[str, VariantRecord]


class Comparer:
    """Measures batches within a time budget and judges the outputs."""

    def __init__(
        self,
        measurer: Measurer,
        folder: RunFolder,
        *,
        fixes: Sequence[FixMeta],
        request: AuditRequest,
        built: Built,
    ) -> None:
        self._measurer = measurer
        self._folder = folder
        self._fixes = {fix.id: fix for fix in fixes}
        self._request = request
        self._precision = precision_of(built)
        self._started = time.perf_counter()

    def search(self) -> Measurements:
        """Find the plan."""
        batches: list[Measured] = []

        def measured(batch: Batch) -> Measured:
            number = len(batches)
            batches.append(self._kept(number, batch) or self._measure(number, batch))
            return batches[-1]

        plan = find_plan(
            tuple(self._fixes.values()),
            measured,
            lossy_allowed=self._request.lossy_fixes,
            at_once=max(SMALLEST_BATCH, self._measurer.room()),
            in_short=self._request.budget_seconds < THOROUGH_BUDGET_SECONDS,
        )
        return Measurements(
            plan=plan,
            batches=tuple(batch.times for batch in batches),
            records=dict(self._measurer.records),
            parity={name: parity for batch in batches for name, parity in batch.parity.items()},
        )

    def _measure(self, number: int, batch: Batch) -> Measured:
        fewest, most = self._rounds(batch.purpose)
        policy = RoundPolicy(
            min_rounds=fewest, max_rounds=most, budget_seconds=self._seconds_left() * SHARE_OF_BUDGET[batch.purpose]
        )
        times = self._measurer.measure(batch, policy)
        timed = {run.entry for run in times.runs if run.seconds is not None}
        failures = {
            variant.id: self._measurer.records[variant.id].error
            for variant in batch.variants
            if variant.id not in timed and variant.id in self._measurer.records
        }
        measured = Measured(
            times=times,
            failures=failures,
            parity={
                variant.id: self._judge(variant.id, variant.fixes)
                for variant in batch.variants
                if variant != BASELINE and variant.id in timed
            },
            time_left=self._elapsed_seconds() < self._request.search_seconds,
        )
        ids = _ids(batch)
        records = {name: record for name, record in self._measurer.records.items() if name in ids}
        kept = KeptBatch(purpose=batch.purpose, variants=ids, measured=measured, records=records)
        self._folder.write(_file(number), msgspec.json.encode(kept))
        return measured

    def _kept(self, number: int, batch: Batch) -> Measured | None:
        content = self._folder.read(_file(number))
        if content is None:
            return None
        try:
            kept = msgspec.json.decode(content, type=KeptBatch)
        except msgspec.MsgspecError:  # of another version, or damaged: it is measured again
            return None
        if (kept.purpose, kept.variants) != (batch.purpose, _ids(batch)):
            return None
        self._measurer.records.update(kept.records)
        return kept.measured

    def _judge(self, variant: str, fixes: tuple[str, ...]) -> Parity:
        return compare_outputs(
            self._outputs(BASELINE.id),
            self._outputs(variant),
            numerics=coarsest(self._fixes[fix].numerics for fix in fixes),
            precision=self._precision,
            baseline_again=self._outputs(CONTROL.id) if outputs_file(self._folder, CONTROL.id).exists() else None,
        )

    def _outputs(self, variant: str) -> Outputs:
        return load_file(outputs_file(self._folder, variant))

    def _rounds(self, purpose: Purpose) -> tuple[int, int]:
        if purpose == "proof":
            return QUICK_PROVING_ROUNDS if self._request.quick else PROVING_ROUNDS
        return QUICK_CHOOSING_ROUNDS if self._request.quick else CHOOSING_ROUNDS

    def _elapsed_seconds(self) -> float:
        return time.perf_counter() - self._started

    def _seconds_left(self) -> float:
        return max(0.0, self._request.budget_seconds - self._elapsed_seconds())


def precision_of(built: Built) -> str | None:
    """The format that the loop computes in, if the target names one that a tolerance is known for."""
    dtype = built.settings.get("dtype")
    return dtype if isinstance(dtype, str) and dtype in ROUNDING_TOLERANCE else None


def _ids(batch: Batch) -> tuple[str, ...]:
    return tuple(variant.id for variant in batch.variants)


def _file(number: int) -> str:
    return f"measured-{number}.json"
