"""JUnit XML: what a CI server counts. A test is a finding, the proof of the speed-up, or the proof of the output."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import Literal

from sdprof.model import AuditResult, Finding
from sdprof.renderers.excerpt import excerpt
from sdprof.renderers.finding_groups import STATES, cost_in_words, finding_groups
from sdprof.renderers.headline import headline
from sdprof.renderers.printable import one_line, printable
from sdprof.renderers.short_path import place
from sdprof.renderers.text_region import text_region

Outcome = Literal["passed", "failure", "skipped"]


def render(result: AuditResult) -> str:
    """One suite: ``findings``, ``comparison`` and ``missing`` are its classes.

    A finding fails while time can be gained by it: open, or removed by a fix that was chosen. One whose fix gained
    nothing passes and says so; a declined one and what is only information is skipped.
    """
    suite = ET.Element("testsuite", name=_text(result.target.name), timestamp=_text(result.created))
    _comparison(suite, result)
    for group in finding_groups(result.findings):
        for finding in group.findings:
            _finding(suite, finding, result)
    for gap in result.missing:
        _case(suite, "missing", gap.section, "skipped", f"{gap.reason} {gap.remedy}")
    counts = {
        "tests": len(suite),
        "failures": len(suite.findall("testcase/failure")),
        "skipped": len(suite.findall("testcase/skipped")),
        "errors": 0,
    }
    root = ET.Element("testsuites", name="sdprof")
    for name, count in counts.items():
        suite.set(name, str(count))
        root.set(name, str(count))
    root.append(suite)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _comparison(suite: ET.Element, result: AuditResult) -> None:
    head = headline(result)
    comparison = result.comparison
    if comparison is None:
        _case(suite, "comparison", "speed-up", "skipped", head.sentence)
        return
    speed: dict[str, Outcome] = {"faster": "passed", "slower": "failure", "not-shown": "skipped"}
    _case(suite, "comparison", "speed-up", speed[comparison.verdict], comparison.explanation or head.title)
    if comparison.parity is None:
        _case(suite, "comparison", "same output", "skipped", head.same.sentence)
    else:
        same: Outcome = "passed" if comparison.parity.passed else "failure"
        _case(suite, "comparison", "same output", same, f"{head.same.word}. {head.same.sentence}")


def _finding(suite: ET.Element, finding: Finding, result: AuditResult) -> None:
    name = finding.id
    if finding.locations:
        column = text_region(finding.locations[0]).column
        name += f" at {place(finding.locations[0], result.target.source_roots)}"
        name += "" if column is None else f":{column}"
    elif finding.region:
        name += f" in {finding.region}"
    cost = cost_in_words(finding, result.fixes)
    words = [STATES[finding.status][0], finding.title, cost, finding.reason]
    lines = [row.before + row.marked + row.after for where in finding.locations[:1] for row in excerpt(where).lines]
    # A CI server knows a test by its name: of two with the same it would drop one.
    taken = sum(case.get("name", "").partition(" #")[0] == _text(name) for case in suite.findall("testcase"))
    name += f" #{taken + 1}" if taken else ""
    _case(suite, "findings", name, _outcome(finding), ". ".join(filter(None, words)), "\n".join(lines))


def _outcome(finding: Finding) -> Outcome:
    if finding.status in ("passed", "hidden"):
        return "passed"
    return "skipped" if finding.status == "declined" or finding.severity == "info" else "failure"


def _case(suite: ET.Element, kind: str, name: str, outcome: Outcome, message: str, detail: str = "") -> None:
    case = ET.SubElement(suite, "testcase", classname=f"sdprof.{kind}", name=_text(name))
    if outcome == "passed":
        if message:
            ET.SubElement(case, "system-out").text = _text(message)
        return
    end = ET.SubElement(case, outcome, message=_text(message))
    if detail:
        end.text = printable(detail)


def _text(value: str) -> str:
    return one_line(value, 500)
