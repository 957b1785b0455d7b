"""GitHub's workflow commands: findings as annotations on the lines of a pull request."""

from __future__ import annotations

from sdprof.model import AuditResult, Finding, Severity
from sdprof.renderers.finding_groups import cost_in_words, finding_groups
from sdprof.renderers.headline import headline
from sdprof.renderers.printable import one_line
from sdprof.renderers.repository_path import repository_path
from sdprof.renderers.text_region import text_region

LEVELS: dict[Severity, str] = {"high": "error", "medium": "warning", "low": "notice", "info": "notice"}
MOST_ANNOTATIONS = 10
"""GitHub shows ten annotations of a level for a step and drops the others without a word."""


def render(result: AuditResult, *, root: str = "") -> str:
    """One command a line: the verdict, then the costliest findings that are still to be won.

    :param root: the top of the repository; a finding outside it is named without a line.
    """
    head = headline(result)
    level = "error" if head.tone == "bad" else "notice"
    lines = [_command(level, {"title": f"sdprof: {result.target.name}"}, f"{head.title}. {head.sentence}")]
    shown: dict[str, int] = {level: 1}
    for group in finding_groups(result.findings):
        if group.status not in ("fixed", "open"):
            continue
        for finding in group.findings:
            level = LEVELS[finding.severity]
            shown[level] = shown.get(level, 0) + 1
            if shown[level] <= MOST_ANNOTATIONS:
                lines.append(_command(level, _properties(finding, root), _message(finding, result)))
    return "\n".join(lines) + "\n"


def _properties(finding: Finding, root: str) -> dict[str, str]:
    properties = {"title": f"sdprof: {finding.id}"}
    file = repository_path(finding.locations[0].file, root) if finding.locations else None
    if file is None:
        return properties
    place = text_region(finding.locations[0])
    properties |= {"file": file, "line": str(place.line), "endLine": str(place.end_line)}
    # Columns count only where the annotation stays on one line.
    if place.column is not None and place.end_column is not None and place.line == place.end_line:
        properties |= {"col": str(place.column), "endColumn": str(place.end_column)}
    return properties


def _message(finding: Finding, result: AuditResult) -> str:
    cost = cost_in_words(finding, result.fixes)
    return ". ".join(part.rstrip(".") for part in (finding.title, cost, finding.reason) if part) + "."


def _command(level: str, properties: dict[str, str], message: str) -> str:
    written = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    return f"::{level} {written}::{_data(message)}"


def _data(value: str) -> str:
    return one_line(value, 1000).replace("%", "%25")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
