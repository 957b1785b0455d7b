"""Limits on what is counted: copies, waits, graph breaks, recompilations, memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from sdprof import quantities
from sdprof.budget.judged import Judged, at_most, unmeasured
from sdprof.facts.graph_regions import WITH_GRAD
from sdprof.model import AuditResult, GraphRegion, GraphSection, MemoryProfile, TransferSection, Variant
from sdprof.renderers.gaps import gaps_about
from sdprof.renderers.short_path import place

TransferLimit = Literal["syncs_per_step", "h2d_per_step", "d2h_per_step"]
GraphLimit = Literal["graph_breaks", "recompiles"]
_KINDS: dict[TransferLimit, str] = {"syncs_per_step": "SYNC", "h2d_per_step": "H2D", "d2h_per_step": "D2H"}
_COUNTS: dict[GraphLimit, tuple[str, Callable[[GraphRegion], int]]] = {
    "graph_breaks": ("break", lambda region: region.breaks),
    "recompiles": ("recompile", lambda region: region.recompiles),
}


def judge_transfers(
    limit: TransferLimit, section: TransferSection | None, allowed: float, result: AuditResult
) -> Judged:
    """Copies of one direction, or waits, inside the loop and by step."""
    if section is None or section.steps < 1:
        return unmeasured(limit, _why(result, "copies", "transfer"))
    sites = sorted((s for s in section.sites if s.in_loop and s.kind == _KINDS[limit]), key=lambda site: -site.count)
    count = sum(site.count for site in sites)
    per_step = count / section.steps
    where = f", most at {place(sites[0].where, result.target.source_roots)}" if sites else ""
    detail = f": {quantities.count(count)} in {quantities.counted(section.steps, 'step')}{where}"
    over = quantities.number(per_step - allowed)
    return at_most(limit, per_step, allowed, f"{quantities.number(per_step)} per step", f"{over} per step", detail)


def judge_graphs(limit: GraphLimit, section: GraphSection | None, allowed: float, result: AuditResult) -> Judged:
    """Graph breaks or recompilations of the worst region without grad: regions hold one another, so none are added."""
    regions = [] if section is None else [region for region in section.regions if not region.grad]
    if section is None or not regions:
        return unmeasured(limit, _why(result, "graph"))
    noun, counted = _COUNTS[limit]
    worst = max(regions, key=counted)
    partial = [region.name for region in regions if region.error]
    if counted(worst) <= allowed and partial:
        return unmeasured(limit, f"{', '.join(partial)} could be analysed in part only")
    left_out = _left_out(section)
    if counted(worst) <= allowed and left_out:
        return unmeasured(limit, f"not every region was analysed without grad: {'; '.join(left_out)}")
    sites = [site for site in worst.sites if site.kind == noun]
    where = f", first at {place(sites[0].where, result.target.source_roots)}" if sites else ""
    over = quantities.number(counted(worst) - allowed)
    written = f"{quantities.counted(counted(worst), noun)} in {worst.name}"
    return at_most(limit, counted(worst), allowed, written, over, where)


def _left_out(section: GraphSection) -> tuple[str, ...]:
    """Regions that were not analysed without grad, with the reason where one was kept."""
    without = {region.name for region in section.regions if not region.grad}
    told = [reason.rstrip(".") for reason in section.skipped if not reason.partition(":")[0].endswith(WITH_GRAD)]
    skipped = {reason.partition(":")[0] for reason in told}
    with_only = dict.fromkeys(region.name for region in section.regions if region.grad and region.name not in without)
    return (*told, *(f"{name}: it was seen with grad only" for name in with_only if name not in skipped))


def judge_memory(
    variant: Variant | None, profile: MemoryProfile | None, allowed_mib: float, result: AuditResult
) -> Judged:
    """The highest memory of a run: of the profiled one where memory was watched, else of the timed ones."""
    limit = "peak_memory_mib"
    peak = profile.peak_bytes if profile is not None else None if variant is None else variant.peak_memory_bytes
    if peak is None:
        return unmeasured(limit, _why(result, "memory"))
    over = quantities.size(peak - allowed_mib * 2**20)
    return at_most(limit, peak / 2**20, allowed_mib, quantities.size(peak), over)


def _why(result: AuditResult, *words: str) -> str:
    gaps = gaps_about(result, *words)
    return gaps[0].reason.rstrip(".") if gaps else "this audit has no number for it"
