"""Hold an audit to its limits."""

from __future__ import annotations

from collections.abc import Callable

from sdprof.budget.budget_file import Limits
from sdprof.budget.judge_counts import judge_graphs, judge_memory, judge_transfers
from sdprof.budget.judge_findings import judge_high_findings, judge_new_findings, judge_same_output
from sdprof.budget.judge_time import judge_ms_per_step, judge_speedup
from sdprof.budget.judged import Judged, unmeasured
from sdprof.budget.measured_side import measured_side
from sdprof.model import AuditResult


def check(result: AuditResult, limits: Limits, baseline: AuditResult | None = None) -> tuple[Judged, ...]:
    """What became of every limit that is set.

    :param baseline: an earlier run of the same target, for ``new_findings``.
    """
    side = measured_side(result, after=limits.side == "after")
    judges: dict[str, Callable[[float], Judged]] = {
        "graph_breaks": lambda most: judge_graphs("graph_breaks", side.graphs, most, result),
        "recompiles": lambda most: judge_graphs("recompiles", side.graphs, most, result),
        "syncs_per_step": lambda most: judge_transfers("syncs_per_step", side.transfers, most, result),
        "h2d_per_step": lambda most: judge_transfers("h2d_per_step", side.transfers, most, result),
        "d2h_per_step": lambda most: judge_transfers("d2h_per_step", side.transfers, most, result),
        "ms_per_step": lambda most: judge_ms_per_step(result, side.variant, most),
        "speedup_at_least": lambda least: judge_speedup(result, least),
        "peak_memory_mib": lambda most: judge_memory(side.variant, side.memory, most, result),
        "same_output": lambda _: judge_same_output(result),
        "high_findings": lambda most: judge_high_findings(result, most),
        "new_findings": lambda most: judge_new_findings(result, baseline, most),
    }
    if limits.side == "after" and result.comparison is not None and result.comparison.candidate is None:
        absent = {
            "graph_breaks": side.graphs,
            "recompiles": side.graphs,
            "syncs_per_step": side.transfers,
            "h2d_per_step": side.transfers,
            "d2h_per_step": side.transfers,
            "ms_per_step": side.variant,
            "peak_memory_mib": side.memory,
        }
        judges |= {name: _no_after(name) for name, section in absent.items() if section is None}
    set_limits = ((name, getattr(limits, name)) for name in judges)
    return tuple(judges[name](value) for name, value in set_limits if value is not None and value is not False)


def _no_after(limit: str) -> Callable[[float], Judged]:
    return lambda _: unmeasured(limit, "no set of fixes was chosen, so there is nothing after to measure")


def breaks_the_budget(judged: Judged, limits: Limits) -> bool:
    """Whether a limit's outcome fails the check."""
    return judged.outcome == "broken" or (judged.outcome == "unmeasured" and limits.unmeasured != "pass")
