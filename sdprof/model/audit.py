"""audit.json: the contract between the audit and everything that reads its result.

Add freely; never rename. ``schema_version`` counts the changes that a reader must know of.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from sdprof.model.artifacts import (
    CostProfile,
    Environment,
    GraphRegion,
    MemoryProfile,
    Peaks,
    StackSamples,
    TransferSite,
)
from sdprof.model.metadata import FixKind, Numerics, Severity
from sdprof.model.pictures import MemoryInStep, OutputPicture
from sdprof.model.rewrites import FixRewrites, Patch
from sdprof.model.source import Location
from sdprof.model.trace import TraceFacts

SCHEMA_VERSION = 1

Verdict = Literal["faster", "slower", "not-shown"]
FindingStatus = Literal["open", "fixed", "hidden", "declined", "passed"]
AuditKind = Literal["audit", "trace", "simulation", "shapes"]
"""What was looked at: a loop that ran here and was timed; a trace that was recorded elsewhere; a loop on the simulated
device, with values; the same without values. Only the first has variants and a comparison."""


class Interval(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate and its 95% interval."""

    median: float
    low: float
    high: float
    method: str = ""
    rounds: int = 0


class AuditedTarget(msgspec.Struct, frozen=True, kw_only=True):
    """What was audited."""

    name: str
    size: str | None
    steps: int | None
    batch_size: int | None
    height: int | None
    width: int | None
    device: str
    dtype: str | None
    seed: int = 0
    summary: str = ""
    source_roots: tuple[str, ...] = ()
    parameters: dict[str, str | int | float | bool] = {}


class Timing(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of whole runs of the workload in steady state: no profiler, no compilation."""

    seconds: tuple[float, ...]
    median: float
    low: float
    high: float
    """``low`` and ``high`` are the smallest and the largest run."""


class Variant(msgspec.Struct, frozen=True, kw_only=True):
    """The target with a set of fixes."""

    id: str
    label: str
    fixes: tuple[str, ...]
    timing: Timing | None = None
    compile_seconds: float | None = None
    """What the first run took longer than a run in steady state; for eager variants this is warm-up. Another
    variant may start on the other cores meanwhile, so it is an upper bound, and so is the break-even made of it."""
    build_seconds: float | None = None
    peak_memory_bytes: int | None = None
    speedup: Interval | None = None
    """Against the baseline, paired by round."""
    round_speedups: tuple[float, ...] = ()
    """Against the baseline in each single round: what ``speedup`` sums up."""
    parity: Parity | None = None
    error: str = ""
    """Why the variant could not be measured."""
    notes: tuple[str, ...] = ()
    """What the fixes did, in their own words: the attention backend that ran, modules swapped."""


class OutputParity(msgspec.Struct, frozen=True, kw_only=True):
    """One output tensor, candidate against baseline."""

    name: str
    shape: tuple[int, ...]
    max_abs_diff: float
    max_rel_diff: float
    psnr_db: float | None = None


class Parity(msgspec.Struct, frozen=True, kw_only=True):
    """Is the output still the same?"""

    passed: bool
    max_abs_diff: float
    max_rel_diff: float
    """Largest absolute difference over the largest magnitude of the baseline's output."""
    tolerance: float
    """Limit on ``max_rel_diff``; 0 means bit-equal."""
    numerics: Numerics = "rounding"
    judged: bool = True
    """False for a lossy fix without a tolerance: the difference is reported, and ``passed`` says only that shapes match
    and all values are finite."""
    reason: str = ""
    baseline_reproducible: bool = True
    outputs: tuple[OutputParity, ...] = ()


class Comparison(msgspec.Struct, frozen=True, kw_only=True):
    """Before and after, with what is needed to doubt it."""

    baseline: str
    candidate: str | None
    """Id of the chosen variant; None where no set of fixes was shown to win."""
    rounds: int
    speedup: Interval | None
    verdict: Verdict
    control: Interval | None
    """The baseline against itself in the same rounds (A/A)."""
    break_even_runs: float | None
    parity: Parity | None
    explanation: str = ""
    """The verdict in one sentence."""
    order: tuple[tuple[str, ...], ...] = ()
    """The variants in the order in which each round ran them."""
    flags: tuple[str, ...] = ()
    """Drift, outliers, load: noted, never dropped."""


class Cost(msgspec.Struct, frozen=True, kw_only=True):
    """What a finding costs."""

    predicted_ms_per_step: float | None = None
    obtained_ms_per_step: float | None = None
    """What its fix gained when measured."""
    obtained_in_plan: bool = False
    """Whether it gained that in its place in the waterfall, from the rounds that the verdict rests on; else alone."""
    source: str = ""
    """How the prediction was made."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that an audit found, or a clean pass."""

    id: str
    """Id of the audit."""
    title: str
    severity: Severity
    status: FindingStatus
    region: str = ""
    """What the loop calls it by: the regions in which TorchDynamo met it, or when it was outside of the loop."""
    count_per_step: float | None = None
    locations: tuple[Location, ...] = ()
    evidence: dict[str, Any] = {}
    """Names and values that support it, as the report prints them; the unit is in the name."""
    explanation: str = ""
    cost: Cost | None = None
    fixes: tuple[str, ...] = ()
    reason: str = ""
    """Why it is declined, hidden or still open."""


class FixResult(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a fix."""

    id: str
    title: str
    kind: FixKind
    numerics: Numerics
    applied: bool
    """Part of the chosen variant."""
    reason: str
    """Why it is in, or why it is not."""
    gain: Interval | None = None
    """Speed-up of the fix alone against the baseline."""
    gain_in_plan: Interval | None = None
    """Speed-up against the step before it in the waterfall."""
    timed_with: str = ""
    """Id of the fix that it was one variant with: the gains are those of all of them."""
    parity: Parity | None = None
    removes: tuple[str, ...] = ()
    did: tuple[str, ...] = ()
    """What it changed, in its own words."""
    rewrites: FixRewrites | None = None
    """Of a fix that rewrites source: which expressions, which not and why, and the proof."""


class WaterfallStep(msgspec.Struct, frozen=True, kw_only=True):
    """One bar of baseline → +fix → …"""

    variant: str
    fix: str | None
    ms_per_step: float
    speedup: Interval | None = None
    """Against the baseline."""
    predicted_ms_per_step: float | None = None


class TransferSection(msgspec.Struct, frozen=True, kw_only=True):
    """Copies and synchronisations of one variant."""

    device: Literal["cuda", "simulated"]
    steps: int
    sites: tuple[TransferSite, ...]
    notes: tuple[str, ...] = ()


class Transfers(msgspec.Struct, frozen=True, kw_only=True):
    """Copies and synchronisations, before and after."""

    baseline: TransferSection | None = None
    candidate: TransferSection | None = None


class GraphSection(msgspec.Struct, frozen=True, kw_only=True):
    """Graph breaks and recompilations of one variant."""

    regions: tuple[GraphRegion, ...]
    skipped: tuple[str, ...] = ()


class Graphs(msgspec.Struct, frozen=True, kw_only=True):
    """Graph breaks and recompilations, before and after."""

    baseline: GraphSection | None = None
    candidate: GraphSection | None = None


class HotLine(msgspec.Struct, frozen=True, kw_only=True):
    """A source line with its share of the run."""

    where: Location
    hits: int
    seconds: float
    share: float
    """Of the profiled run, 0 to 1; a caller's line contains its callee's."""
    inclusive: bool = True


class HotOp(msgspec.Struct, frozen=True, kw_only=True):
    """An operator with its share of the run."""

    name: str
    calls: int
    seconds: float
    """Self time (without the operators that it calls), host and device counted once."""
    share: float
    input_shapes: str = ""
    flops: int | None = None
    percent_of_peak: float | None = None
    """Of the machine's measured GEMM peak."""


class HotModule(msgspec.Struct, frozen=True, kw_only=True):
    """A module with its time and how near it comes to the machine's peak."""

    name: str
    class_name: str
    calls: int
    seconds: float
    share: float
    flops: int
    percent_of_peak: float | None
    depth: int = 0
    least_bytes: int | None = None
    """What it moves at least: its weights, once a call, and its output. Known of leaves alone."""


class MemoryPair(msgspec.Struct, frozen=True, kw_only=True):
    """Memory before and after."""

    baseline: MemoryProfile | None = None
    candidate: MemoryProfile | None = None


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """What could not be collected here, and why."""

    section: str
    reason: str
    remedy: str = ""


class OwnTime(msgspec.Struct, frozen=True, kw_only=True):
    """Where the audit's own time went."""

    stage: str
    seconds: float
    overhead: bool
    """Start-up, bookkeeping or rendering, as against running the user's loop."""


class AuditResult(msgspec.Struct, frozen=True, kw_only=True):
    """The whole of audit.json."""

    schema_version: int
    sdprof_version: str
    created: str
    """ISO 8601, UTC."""
    target: AuditedTarget
    environment: Environment
    variants: tuple[Variant, ...]
    comparison: Comparison | None
    findings: tuple[Finding, ...]
    fixes: tuple[FixResult, ...]
    waterfall: tuple[WaterfallStep, ...] = ()
    transfers: Transfers | None = None
    graphs: Graphs | None = None
    trace: TraceFacts | None = None
    trace_after: TraceFacts | None = None
    hot_lines: tuple[HotLine, ...] = ()
    hot_stacks: StackSamples | None = None
    hot_stacks_after: StackSamples | None = None
    hot_ops: tuple[HotOp, ...] = ()
    hot_ops_after: tuple[HotOp, ...] = ()
    hot_modules: tuple[HotModule, ...] = ()
    hot_modules_after: tuple[HotModule, ...] = ()
    memory: MemoryPair | None = None
    memory_in_step: MemoryInStep | None = None
    pictures: tuple[OutputPicture, ...] = ()
    peaks: Peaks | None = None
    patch: Patch | None = None
    """What ``patch.diff`` holds; None where no source was rewritten, or nothing of it was proven."""
    missing: tuple[Missing, ...] = ()
    own_time: tuple[OwnTime, ...] = ()
    command: str = ""
    """The command line that makes this audit again."""
    kind: AuditKind = "audit"
    costs: CostProfile | None = None
    """Of a run without values."""

    def __repr__(self) -> str:
        """One line: all of it would fill screens."""
        verdict = self.comparison.verdict if self.comparison is not None else "nothing compared"
        standing = sum(finding.status != "passed" for finding in self.findings)
        findings = f"{standing} finding{'' if standing == 1 else 's'}"
        return f"<AuditResult ({self.kind}) of {self.target.name!r}: {verdict}, {findings}>"
