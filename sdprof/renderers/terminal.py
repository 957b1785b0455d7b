"""The summary in a terminal: the verdict, the fixes, the costliest findings, what is missing."""

from __future__ import annotations

import io

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from sdprof import quantities
from sdprof.model import AuditResult, Finding, FixResult, Interval
from sdprof.renderers.excerpt import excerpt
from sdprof.renderers.finding_groups import STATES, cost_in_words, finding_groups
from sdprof.renderers.fix_order import in_reading_order, not_tried, was_not_tried
from sdprof.renderers.headline import Headline, headline
from sdprof.renderers.printable import one_line
from sdprof.renderers.short_path import place
from sdprof.renderers.tone import Tone

MOST_FINDINGS = 5
STYLES: dict[Tone, str] = {"good": "bold green", "bad": "bold red", "unsure": "bold yellow"}


def render(result: AuditResult, *, width: int = 100, color: bool = False, report: str = "") -> str:
    """The summary as text.

    :param width: columns of the terminal, from 40.
    :param color: with ANSI colours.
    :param report: path of the HTML report, named at the end where it is given.
    """
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=max(width, 40),
        force_terminal=color,
        no_color=not color,
        highlight=False,
        emoji=False,
        color_system="standard" if color else None,
        legacy_windows=False,
    )
    console.print(summary(result, report=report))
    return "\n".join(row.rstrip() for row in stream.getvalue().splitlines()) + "\n"


def summary(result: AuditResult, *, report: str = "") -> RenderableType:
    """The summary for a rich console of the caller's."""
    head = headline(result)
    parts: list[RenderableType] = [_verdict(result, head)]
    if result.fixes:
        parts += [_title("Fixes"), _fixes(result), *_not_tried(result)]
    if result.findings:
        parts += [_title("Findings"), _tally(result), *_findings(result)]
    if result.missing:
        parts.append(_title("Missing"))
        parts += [
            Padding(Text(one_line(f"{gap.section}: {gap.reason} {gap.remedy}", 500)), (0, 0, 0, 2))
            for gap in result.missing
        ]
    if report:
        parts.append(Text(f"\nReport: {one_line(report, 1000)}", overflow="fold"))
    return Group(*parts)


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _verdict(result: AuditResult, head: Headline) -> Group:
    lines = [Text(one_line(f"{result.target.name}: {head.title}"), style=STYLES[head.tone])]
    if head.before_ms is not None:
        step = head.unit.removeprefix("ms ")
        after = "" if head.after_ms is None else f" → {quantities.milliseconds(head.after_ms)}"
        lines.append(Text(f"{quantities.milliseconds(head.before_ms)}{after} {step}"))
    comparison = result.comparison
    if comparison is not None and comparison.speedup is not None:
        against = f"; A/A control {quantities.bounds(comparison.control)}" if comparison.control else ""
        nearest = "" if comparison.candidate else "; this is the set that came nearest"
        ratio = f"{quantities.times(comparison.speedup)}, 95% interval {quantities.bounds(comparison.speedup)}"
        lines.append(Text(f"{ratio}, {quantities.counted(comparison.rounds, 'round')}{against}{nearest}"))
    elif head.sentence:
        lines.append(Text(one_line(head.sentence)))
    for seen in head.observations:
        lines.append(Text(one_line(f"{seen.question.lower()}: {seen.figure}. {seen.sentence}")))
    if not head.observations:
        lines.append(
            Text(one_line(f"same output: {head.same.word[:1].lower()}{head.same.word[1:]}. {head.same.sentence}"))
        )
    return Group(lines[0], Padding(Group(*lines[1:]), (0, 0, 0, 2)))


def _fixes(result: AuditResult) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=True, header_style="dim", pad_edge=False)
    table.add_column("", width=3)
    table.add_column("Fix", ratio=3, overflow="fold")
    table.add_column("Gain (95%)", no_wrap=True)
    table.add_column("Numbers", no_wrap=True)
    table.add_column("Why", ratio=4, overflow="fold")
    for fix in in_reading_order(result.fixes):
        if was_not_tried(fix):
            continue
        mark = Text("  +" if fix.applied else "  ·", style="green" if fix.applied else "dim")
        table.add_row(mark, Text(one_line(fix.id, 60)), _gain(fix), Text(fix.numerics), Text(one_line(fix.reason, 160)))
    return table


def _not_tried(result: AuditResult) -> list[RenderableType]:
    return [
        Padding(
            Text(one_line(f"· not tried: {', '.join(ids)}: {reason}", 400), style="dim", overflow="fold"), (0, 0, 0, 2)
        )
        for reason, ids in not_tried(result.fixes).items()
    ]


def _gain(fix: FixResult) -> Text:
    gain: Interval | None = fix.gain_in_plan if fix.applied and fix.gain_in_plan else fix.gain
    if gain is None:
        return Text("not measured", style="dim")
    style = "green" if gain.low > 1 else "red" if gain.high < 1 else "dim"
    return Text(f"{quantities.times(gain)} ({quantities.bounds(gain)})", style=style)


def _tally(result: AuditResult) -> Text:
    groups = finding_groups(result.findings)
    return Text("  " + ", ".join(f"{len(group.findings)} {group.title.lower()}" for group in groups))


def _findings(result: AuditResult) -> list[RenderableType]:
    shown = [f for group in finding_groups(result.findings) if group.status != "passed" for f in group.findings]
    return [_finding(finding, result) for finding in shown[:MOST_FINDINGS]]


def _finding(finding: Finding, result: AuditResult) -> Padding:
    style = {"high": "red", "medium": "yellow"}.get(finding.severity, "")
    head = Text(f"\n{finding.severity}", style=style) + Text(f"  {one_line(finding.title)}", style="bold")
    parts: list[RenderableType] = [head + Text(f"  {STATES[finding.status][0].lower()}", style="dim")]
    if finding.locations:
        where = finding.locations[0]
        parts.append(Text(place(where, result.target.source_roots), style="cyan", overflow="fold"))
        for line in excerpt(where).lines[:3]:
            parts.append(Text(f"  {line.before}{line.marked}{line.after}", no_wrap=True, overflow="ellipsis"))
            if line.marked:
                carets = " " * (2 + Text(line.before).cell_len) + "^" * max(Text(line.marked).cell_len, 1)
                parts.append(Text(carets, style="red", no_wrap=True, overflow="crop"))
    words = cost_in_words(finding, result.fixes)
    if words:
        parts.append(Text(words))
    return Padding(Group(*parts), (0, 0, 0, 2))
