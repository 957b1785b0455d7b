"""Which sections a report has, in their order: a trace has no fixes, and a simulated run no timings."""

from __future__ import annotations

from typing import NamedTuple

from sdprof.model import AuditKind, AuditResult


class Section(NamedTuple):
    """A part of the page."""

    id: str
    title: str
    """As the navigation calls it."""
    template: str


FIXES = Section("fixes", "Fixes", "fixes")
FINDINGS = Section("findings", "Findings", "findings")
PATCH = Section("patch", "Patch", "patch")
OUTPUT = Section("output", "Output", "output")
TRACE = Section("trace", "Trace", "trace")
COSTS = Section("costs", "Costs", "costs")
LINES = Section("lines", "Line heat", "lines")
OPERATORS = Section("operators", "Operators", "operators")
MODULES = Section("modules", "Modules", "modules")
FLAME = Section("flame", "Flame graphs", "flame")
GRAPHS = Section("graphs", "Graph breaks", "graphs")
TRANSFERS = Section("transfers", "Copies and syncs", "transfers")
MEMORY = Section("memory", "Memory", "memory")
ROUNDS = Section("rounds", "Rounds", "rounds")
MISSING = Section("missing", "Missing", "missing")
METHOD = Section("method", "Method", "method")
REPEAT = Section("repeat", "Repeat", "repeat")

OF_KIND: dict[AuditKind, tuple[Section, ...]] = {
    "audit": (
        FIXES,
        FINDINGS,
        PATCH,
        OUTPUT,
        OPERATORS,
        TRACE,
        MODULES,
        FLAME,
        LINES,
        GRAPHS,
        TRANSFERS,
        MEMORY,
        ROUNDS,
        MISSING,
        METHOD,
        REPEAT,
    ),
    "trace": (FINDINGS, TRACE, OPERATORS, MODULES, TRANSFERS, MISSING, REPEAT),
    "simulation": (FINDINGS, TRANSFERS, MISSING, METHOD, REPEAT),
    "shapes": (COSTS, FINDINGS, TRANSFERS, MISSING, METHOD, REPEAT),
}


def sections_of(result: AuditResult) -> tuple[Section, ...]:
    """The sections of this audit's page; a trace and costs have one only where there are any."""
    absent = {TRACE: result.trace is None, COSTS: result.costs is None}
    return tuple(section for section in OF_KIND[result.kind] if not absent.get(section, False))
