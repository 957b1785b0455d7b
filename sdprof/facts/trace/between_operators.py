"""Time of the loop in which the host was in no operator: what it did between one operator and the next."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sdprof.facts.trace.analysis import Analysis
from sdprof.facts.trace.host_tree import OPERATOR
from sdprof.facts.trace.intervals import Intervals
from sdprof.facts.trace.loop_window import LoopWindow
from sdprof.facts.trace.trace import NANOSECONDS_PER_MICROSECOND as NS


class BetweenOperators(NamedTuple):
    """On the thread that spent most time in operators; microseconds."""

    loop_us: float
    """From the first step's begin to the last one's end, by the host's clock."""
    outside_us: float
    """In no operator; ranges of compiled regions count as operators here, for what they run is no Python of the
    user's."""


def between_operators(analysis: Analysis, window: LoopWindow) -> BetweenOperators:
    """Both 0 where the trace has no operators."""
    tree = analysis.tree
    operators = np.flatnonzero(tree.kind == OPERATOR)
    if not len(operators):
        return BetweenOperators(0.0, 0.0)
    busiest = np.bincount(tree.thread[operators], weights=tree.duration[operators]).argmax()
    mine = operators[tree.thread[operators] == busiest]
    start, end = np.array([window.begins[0]]), np.array([window.end])
    covered = Intervals.union(tree.start[mine], tree.duration[mine]).covered_within(start, end)
    span = int(end[0] - start[0])
    return BetweenOperators(span / NS, (span - int(covered[0])) / NS)
