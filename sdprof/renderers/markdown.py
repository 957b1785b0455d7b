"""The result as Markdown, to be read in a pull request."""

from __future__ import annotations

import re

from sdprof import quantities
from sdprof.model import AuditResult, Finding, FixResult
from sdprof.renderers.excerpt import excerpt
from sdprof.renderers.finding_groups import cost_in_words, finding_groups
from sdprof.renderers.fix_order import in_reading_order, not_tried, was_not_tried
from sdprof.renderers.headline import Headline, headline
from sdprof.renderers.printable import one_line, printable
from sdprof.renderers.short_path import place

MOST_FINDINGS = 20
FEWER_FINDINGS = (10, 5, 2, 1)
LIMIT_CHARACTERS = 65_000
"""GitHub refuses a comment of more than 65,536; what surrounds the text wants some room too."""
_SPECIAL = re.compile(r"[\\`*_\[\]<>|~@&]|:(?=\S)")
_LINE_START = re.compile(r"^(\d+(?=[.)](?:\s|$))|(?=[#+=-]))")
"""What begins a list, a heading or a rule where it stands first on a line."""
MARKS = {"good": "✅", "bad": "❌", "unsure": "⚪"}


def render(result: AuditResult) -> str:
    """GitHub-flavoured Markdown; every text from the target is escaped, so that it shows as what it is."""
    for most in (MOST_FINDINGS, *FEWER_FINDINGS):
        written = "\n\n".join(part for _, part in _parts(result, most)) + "\n"
        if len(written) <= LIMIT_CHARACTERS:
            return written
    return _shortened(_parts(result, FEWER_FINDINGS[-1])) + "\n"


def _parts(result: AuditResult, most: int) -> list[tuple[str, str]]:
    """(what a part is called, its text); the first two always fit."""
    head = headline(result)
    parts = [
        ("", f"### {MARKS[head.tone]} {text(result.target.name)}: {text(head.title)}"),
        ("", _answers(result, head)),
    ]
    if result.fixes:
        parts.append(("Fixes", _fixes(result)))
    parts += _findings(result, most)
    if result.missing:
        rows = "\n".join(
            f"- **{text(gap.section)}**: {text(gap.reason)} {text(gap.remedy)}".rstrip() for gap in result.missing
        )
        parts.append(("Missing", _folded(f"Missing: {len(result.missing)}", rows)))
    if result.command:
        parts.append(("Do it again", _folded("Do it again", fenced(result.command, "sh"))))
    return parts


def _shortened(parts: list[tuple[str, str]]) -> str:
    """The longest parts give way to a sentence until the rest fits."""
    texts = dict(enumerate(part for _, part in parts))
    for number in sorted(range(2, len(parts)), key=lambda number: -len(texts[number])):
        if sum(map(len, texts.values())) + 2 * len(texts) <= LIMIT_CHARACTERS:
            break
        texts[number] = f"{parts[number][0]}: left out here for want of room; report.html and audit.json have it."
    return "\n\n".join(texts.values())


def text(value: str) -> str:
    """``value`` on one line, with what Markdown, HTML and mentions would make of it escaped."""
    escaped = _SPECIAL.sub(_escape, one_line(value, 400))
    return _LINE_START.sub(r"\1\\", escaped)


def code(value: str) -> str:
    """``value`` as a code span that no backtick inside can end, fit for a table cell."""
    flat = one_line(value, 200).replace("|", "¦")
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", flat)), default=0))
    edge = " " if flat.startswith("`") or flat.endswith("`") else ""
    return f"{fence}{edge}{flat or ' '}{edge}{fence}"


def fenced(value: str, language: str = "") -> str:
    """``value`` as a code block that no line inside can end."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", value)), default=0))
    return f"{fence}{language}\n{printable(value)}\n{fence}"


def _escape(match: re.Match[str]) -> str:
    # A mention is made of @ and a name whatever stands before it; only an entity takes it apart.
    character = match.group()
    return {"@": "&#64;", "<": "&lt;", ">": "&gt;", "&": "&amp;", ":": "&#58;"}.get(character, "\\" + character)


def _answers(result: AuditResult, head: Headline) -> str:
    rows = []
    comparison = result.comparison
    if head.before_ms is not None:
        after = "–" if head.after_ms is None else quantities.milliseconds(head.after_ms)
        rows.append((f"{head.unit.removeprefix('ms ')}", f"{quantities.milliseconds(head.before_ms)} → {after}"))
    if comparison is not None and comparison.speedup is not None:
        interval = f"{quantities.times(comparison.speedup)} (95% interval {quantities.bounds(comparison.speedup)})"
        rows.append(("speed-up", interval))
        if comparison.control is not None:
            rows.append(("A/A control", quantities.bounds(comparison.control)))
    rows += [(seen.question.lower(), f"{text(seen.figure)}. {text(seen.sentence)}") for seen in head.observations]
    if not head.observations:
        rows.append(("how sure", f"{text(head.sure.word)}. {text(head.sure.sentence)}"))
        rows.append(("same output", f"{text(head.same.word)}. {text(head.same.sentence)}"))
    return "| | |\n|---|---|\n" + "\n".join(f"| {name} | {value} |" for name, value in rows)


def _fixes(result: AuditResult) -> str:
    head = "| fix | | gain (95%) | numbers | why |\n|---|---|---|---|---|"
    rows = [
        f"| {code(fix.id)} | {'applied' if fix.applied else ''} | {_gain(fix)} | {fix.numerics} | {text(fix.reason)} |"
        for fix in in_reading_order(result.fixes)
        if not was_not_tried(fix)
    ]
    table = ["\n".join((head, *rows))] if rows else []
    rest = [f"- {', '.join(map(code, ids))}: {text(reason)}" for reason, ids in not_tried(result.fixes).items()]
    left_out = (
        [_folded(f"Fixes that were not tried: {sum(map(was_not_tried, result.fixes))}", "\n".join(rest))]
        if rest
        else []
    )
    return "\n\n".join(table + left_out)


def _gain(fix: FixResult) -> str:
    gain = fix.gain_in_plan if fix.applied and fix.gain_in_plan else fix.gain
    return "not measured" if gain is None else f"{quantities.times(gain)} ({quantities.bounds(gain)})"


def _findings(result: AuditResult, most: int) -> list[tuple[str, str]]:
    parts = []
    for group in finding_groups(result.findings):
        if group.status == "passed":
            body = "\n".join(f"- {text(finding.title)}" for finding in group.findings)
        else:
            body = "\n\n".join(_finding(finding, result) for finding in group.findings[:most])
            if len(group.findings) > most:
                body += f"\n\n{quantities.counted(len(group.findings) - most, 'more finding')}: see audit.json."
        parts.append((group.title, _folded(f"{group.title}: {len(group.findings)}", body)))
    return parts


def _finding(finding: Finding, result: AuditResult) -> str:
    lines = [f"**{text(finding.title)}** ({finding.severity})"]
    words = cost_in_words(finding, result.fixes)
    if words:
        lines[0] += f", {words}"
    for where in finding.locations[:1]:
        rows = [line.before + line.marked + line.after for line in excerpt(where).lines]
        lines.append(code(place(where, result.target.source_roots)))
        if rows:
            lines.append(fenced("\n".join(rows), "python"))
    if finding.reason:
        lines.append(text(finding.reason))
    return "\n\n".join(lines)


def _folded(title: str, body: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{body}\n\n</details>"
