"""The comparison: schedule, statistics, parity and plan. Pure: no processes, no files, no torch.

What its words rest on, and how often they are wrong: docs/statistics.md.
"""

from sdprof.comparison.break_even import break_even_runs
from sdprof.comparison.interval import MIN_ROUNDS, ratio_interval
from sdprof.comparison.parity import coarsest, compare_outputs
from sdprof.comparison.plan import find_plan, search_plan
from sdprof.comparison.plan_structs import (
    BASELINE,
    CONTROL,
    Batch,
    FixDecision,
    Measured,
    Plan,
    VariantRequest,
    WaterfallBar,
)
from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.schedule import another_round, balanced_order
from sdprof.comparison.steadiness import unsteadiness
from sdprof.comparison.verdict import Judgement, as_text, judge

__all__ = [
    "BASELINE",
    "CONTROL",
    "MIN_ROUNDS",
    "Batch",
    "FixDecision",
    "Judgement",
    "Measured",
    "Plan",
    "RoundTimes",
    "VariantRequest",
    "WaterfallBar",
    "another_round",
    "as_text",
    "balanced_order",
    "break_even_runs",
    "coarsest",
    "compare_outputs",
    "find_plan",
    "judge",
    "ratio_interval",
    "search_plan",
    "unsteadiness",
]
