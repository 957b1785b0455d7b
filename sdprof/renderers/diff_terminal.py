"""What changed between two traces or runs, as tables in a terminal."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from sdprof import quantities
from sdprof.model import Change, FindingChange, RunDiff
from sdprof.renderers.printable import one_line
from sdprof.renderers.short_path import place

MOST_ROWS = 12
LONGEST_NAME = 60
SHORTEST_NAME = 16
COLUMNS = ("change", "before", "after", "after/before", "count")
GAP = 2


def render(diff: RunDiff, *, width: int = 100, page: str = "") -> str:
    """The tables as text: totals first, then operators, kernels, modules, copies, waits and findings.

    :param width: columns of the terminal, from 60.
    :param page: path of the HTML page, named at the end where it is given.
    """
    stream = io.StringIO()
    console = Console(file=stream, width=max(width, 60), no_color=True, highlight=False, emoji=False, markup=False)
    console.print(Text(f"{one_line(diff.before)} → {one_line(diff.after)}", overflow="fold"))
    if diff.ms_per_step_before is not None and diff.ms_per_step_after is not None:
        before, after = diff.ms_per_step_before, diff.ms_per_step_after
        console.print(f"{quantities.milliseconds(before)} → {quantities.milliseconds(after)} per step")
    trace = diff.trace
    for note in (*diff.notes, *(trace.notes if trace is not None else ())):
        console.print(Text(one_line(note)))
    if trace is not None:
        unit = "per step" if trace.per_step else "whole trace"
        for title, changes in (
            (f"In all, {unit}", trace.totals),
            (f"Operators, {trace.measure}, {unit}", trace.operators),
            (f"Kernels, {unit}", trace.kernels),
            (f"Modules, {trace.measure}, {unit}", trace.modules),
            (f"Copies, {unit}", trace.copies),
            (f"Waiting calls, host time, {unit}", trace.syncs),
        ):
            if changes:
                console.print()
                console.print(_changes(title, changes, console.width))
                if len(changes) > MOST_ROWS:
                    console.print(f"{len(changes) - MOST_ROWS} more, with smaller changes")
    if diff.findings:
        console.print()
        console.print(_findings(diff.findings))
    if page:
        console.print(Text(f"\nPage: {one_line(page, 1000)}", overflow="fold"))
    return "\n".join(row.rstrip() for row in stream.getvalue().splitlines()) + "\n"


def change_in_words(change: Change) -> str:
    """``added``, ``gone``, or the ratio after / before."""
    if change.status != "changed":
        return change.status
    return "" if change.ratio is None else f"{change.ratio:.2f}×"


def signed(microseconds: float) -> str:
    """A change of time with its sign."""
    return f"{'+' if microseconds > 0 else ''}{quantities.seconds(microseconds / 1e6)}"


def _changes(title: str, changes: Sequence[Change], width: int) -> Table:
    """Names give way to figures: a figure that is cut says nothing. The counts go where even that is not enough."""
    shown = [(one_line(change.name, LONGEST_NAME), _figures(change)) for change in changes[:MOST_ROWS]]
    columns: tuple[str, ...] = COLUMNS
    taken = [
        GAP + max(len(column), *(len(figures[position]) for _, figures in shown))
        for position, column in enumerate(columns)
    ]
    if width - sum(taken) < SHORTEST_NAME:
        columns, taken = columns[:-1], taken[:-1]
    table = _table(title)
    table.add_column("name", overflow="ellipsis", no_wrap=True, max_width=max(1, width - sum(taken)))
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    for name, figures in shown:
        table.add_row(Text(name), *figures[: len(columns)])
    return table


def _figures(change: Change) -> tuple[str, ...]:
    """One text for each of COLUMNS."""
    counts = quantities.count(round(change.count_before, 2)), quantities.count(round(change.count_after, 2))
    return (
        signed(change.change_us),
        quantities.seconds(change.us_before / 1e6) if change.status != "added" else "",
        quantities.seconds(change.us_after / 1e6) if change.status != "gone" else "",
        change_in_words(change),
        counts[0] if counts[0] == counts[1] else " → ".join(counts),
    )


def _findings(changes: Sequence[FindingChange]) -> Table:
    table = Table(
        title="Findings", title_justify="left", title_style="", box=None, padding=(0, GAP, 0, 0), pad_edge=False
    )
    table.add_column("", no_wrap=True)
    table.add_column("finding", overflow="fold")
    table.add_column("per step", justify="right", no_wrap=True)
    table.add_column("where", overflow="fold")
    for change in changes:
        counts = [
            quantities.count(count)
            for count in (change.count_per_step_before, change.count_per_step_after)
            if count is not None
        ]
        where = place(change.where) if change.where is not None else ""
        table.add_row(change.status, Text(one_line(change.title)), " → ".join(counts), Text(where))
    return table


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="", box=None, padding=(0, GAP, 0, 0), pad_edge=False)
