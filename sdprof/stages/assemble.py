"""Put everything together: the one result that all renderers read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

import sdprof
from sdprof.facts.facts import Facts
from sdprof.model import (
    SCHEMA_VERSION,
    AuditResult,
    Environment,
    FixMeta,
    FixResult,
    Graphs,
    GraphSection,
    MemoryInStep,
    MemoryPair,
    Missing,
    OutputPicture,
    Transfers,
    TransferSection,
)
from sdprof.stages import conclude
from sdprof.stages.conclude import Measurements
from sdprof.stages.diagnose import Diagnosed
from sdprof.stages.offer import Offer
from sdprof.stages.request import AuditRequest
from sdprof.stages.rewrite import Rewritten
from sdprof.stages.soundness import unsound
from sdprof.stages.verdicts import settled_findings
from sdprof.worker.protocol import Built

UNKNOWN_ENVIRONMENT = Environment(python="", torch="", platform="", cpu="", cores=0, gpu=None, threads=0)


def assemble(
    request: AuditRequest,
    built: Built,
    *,
    before: Diagnosed,
    after: Diagnosed | None,
    patched: Diagnosed | None,
    measured: Measurements,
    rewritten: Rewritten,
    offered: Offer,
    metas: Mapping[str, FixMeta],
    left_out: tuple[FixResult, ...],
    missing: tuple[Missing, ...],
    calls_per_run: int,
    pictures: tuple[OutputPicture, ...] = (),
) -> AuditResult:
    """Everything that the audit knows, in the form of the contract.

    :param before: the baseline's facts and findings.
    :param after: the chosen variant's; None where no set of fixes was chosen.
    :param patched: those of the source fixes in the patch; None where there is none.
    :param calls_per_run: calls of the first hot module in one timed run: what a step's milliseconds are a share of.
    :param pictures: of the baseline's outputs beside the chosen variant's.
    """
    fixes = conclude.fix_results(measured, metas, left_out, rewritten.by_fix, offered)
    variants = conclude.variants(measured)
    baseline_timing = variants[0].timing
    ms_per_step = 1e3 * baseline_timing.median / calls_per_run if baseline_timing is not None else 0.0
    facts, later = before.facts, after.facts if after is not None else Facts()
    rewritten_facts = patched.facts if patched is not None else later
    findings = settled_findings(
        before.findings,
        fixes,
        ms_per_step,
        _seen_again(after),
        frozenset(fix.id for fix in left_out),
        patched.findings if patched is not None else None,
        conclude.gone_ms_per_step(measured.plan, calls_per_run),
    )
    return AuditResult(
        schema_version=SCHEMA_VERSION,
        sdprof_version=sdprof.__version__,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        target=conclude.audited_target(request, built),
        environment=facts.environment or UNKNOWN_ENVIRONMENT,
        variants=variants,
        comparison=conclude.comparison(measured),
        findings=findings,
        fixes=fixes,
        waterfall=conclude.waterfall(measured.plan, calls_per_run, findings),
        transfers=transfers(facts, rewritten_facts),
        graphs=_graphs(facts, rewritten_facts if rewritten_facts.graphs is not None else later),
        trace=facts.trace,
        trace_after=later.trace,
        hot_lines=facts.hot_lines or (),
        hot_stacks=facts.stacks,
        hot_stacks_after=later.stacks,
        hot_ops=facts.hot_ops or (),
        hot_ops_after=later.hot_ops or (),
        hot_modules=facts.hot_modules or (),
        hot_modules_after=later.hot_modules or (),
        memory=MemoryPair(baseline=facts.memory, candidate=later.memory),
        memory_in_step=MemoryInStep(baseline=facts.memory_in_step, candidate=later.memory_in_step),
        pictures=pictures,
        peaks=facts.peaks,
        patch=offered.patch,
        missing=(*unsound(measured.parity), *missing, *before.missing),
        command=request.command,
    )


def _seen_again(after: Diagnosed | None) -> frozenset[str] | None:
    if after is None or after.facts.operators is None:
        return None
    return frozenset(finding.id for finding in after.findings if finding.status == "open")


def _graphs(before: Facts, after: Facts) -> Graphs | None:
    if before.graphs is None and after.graphs is None:
        return None
    sections = [
        GraphSection(regions=facts.graphs.regions, skipped=facts.graphs.skipped) if facts.graphs is not None else None
        for facts in (before, after)
    ]
    return Graphs(baseline=sections[0], candidate=sections[1])


def transfers(before: Facts, after: Facts | None = None) -> Transfers | None:
    """Copies and waits, before and after; None where neither was watched."""
    sections = [
        TransferSection(
            device=facts.transfers.device,
            steps=facts.transfers.steps,
            sites=tuple(msgspec.structs.replace(site, stack=()) for site in facts.transfers.sites),
            notes=facts.transfers.notes,
        )
        if facts is not None and facts.transfers is not None
        else None
        for facts in (before, after)
    ]
    return Transfers(baseline=sections[0], candidate=sections[1]) if any(sections) else None
