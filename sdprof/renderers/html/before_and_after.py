"""Rows that stand for the same thing in the baseline and in the chosen variant, joined."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from sdprof.model import AuditResult, GraphRegion, Graphs, HotOp, TraceTotal, Transfers, TransferSite
from sdprof.model.trace import MOST_TOTALS
from sdprof.renderers.compiler_names import merged

Row = TypeVar("Row")


@dataclass(frozen=True)
class Pair(Generic[Row]):
    """The same thing before and after; None on the side that lacks it."""

    before: Row | None
    after: Row | None

    @property
    def either(self) -> Row:
        """What both sides agree on: names, places."""
        row = self.before if self.before is not None else self.after
        assert row is not None
        return row


def join(before: Sequence[Row], after: Sequence[Row], key: Callable[[Row], Hashable]) -> tuple[Pair[Row], ...]:
    """Pair rows of equal key, in the order of ``before``; what only ``after`` has comes last."""
    waiting: dict[Hashable, list[Row]] = {}
    for row in after:
        waiting.setdefault(key(row), []).append(row)
    pairs = [Pair(row, waiting[key(row)].pop(0) if waiting.get(key(row)) else None) for row in before]
    return (*pairs, *(Pair(None, row) for rows in waiting.values() for row in rows))


def graph_regions(graphs: Graphs | None) -> tuple[Pair[GraphRegion], ...]:
    """Regions by name and grad mode."""
    if graphs is None:
        return ()
    before = graphs.baseline.regions if graphs.baseline else ()
    after = graphs.candidate.regions if graphs.candidate else ()
    return join(before, after, lambda region: (region.name, region.grad))


def transfer_sites(transfers: Transfers | None) -> tuple[Pair[TransferSite], ...]:
    """Copies and waits by the expression that makes them, those in the loop first, the most frequent first."""
    if transfers is None:
        return ()
    before = transfers.baseline.sites if transfers.baseline else ()
    after = transfers.candidate.sites if transfers.candidate else ()
    # Rewritten source moves lines: the text of the expression is what stays.
    pairs = join(before, after, lambda site: (site.kind, site.op, site.where.file, site.where.code.strip()))
    return tuple(sorted(pairs, key=lambda pair: (not pair.either.in_loop, -pair.either.count)))


def operators(before: Sequence[HotOp], after: Sequence[HotOp]) -> tuple[Pair[HotOp], ...]:
    """Operators by name, those that take most on either side first.

    By name and shapes where a side lists one name more than once.
    """
    before, after = merged(before), merged(after)
    unique = all(len({row.name for row in side}) == len(side) for side in (before, after))
    pairs = join(before, after, lambda operator: (operator.name, "" if unique else operator.input_shapes))
    return tuple(
        sorted(pairs, key=lambda pair: -max(row.share for row in (pair.before, pair.after) if row is not None))
    )


@dataclass(frozen=True)
class KernelTable:
    """GPU kernels by name, by operator or by module, of one trace or of both."""

    title: str
    rows: tuple[Pair[TraceTotal], ...]
    compared: bool
    """Whether both sides have kernels."""
    whole_before: bool
    whole_after: bool
    """Whether a side's list is whole: only then does what it lacks not run there."""


def kernel_tables(result: AuditResult) -> tuple[KernelTable, ...]:
    """The tables that have rows, what takes most on either side first."""
    before, after = result.trace, result.trace_after
    if before is None:
        return ()
    later = after if after is not None and after.kernels_by_name and before.kernels_by_name else None
    sides = (
        ("Kernels", before.kernels_by_name, later.kernels_by_name if later else ()),
        ("Kernels by operator", before.kernels_by_operator, later.kernels_by_operator if later else ()),
        ("Kernels by module", before.kernels_by_module, later.kernels_by_module if later else ()),
    )
    tables = []
    for title, first, second in sides:
        pairs = join(first, second, lambda total: total.name)
        rows = sorted(pairs, key=lambda pair: -max(row.share for row in (pair.before, pair.after) if row is not None))
        tables.append(KernelTable(title, tuple(rows), bool(first and second), _whole(first), _whole(second)))
    return tuple(table for table in tables if table.rows)


def _whole(totals: Sequence[TraceTotal]) -> bool:
    return len(totals) < MOST_TOTALS
