"""SARIF 2.1.0: what code scanning and editors read (OASIS Standard, docs.oasis-open.org/sarif/sarif/v2.1.0).

A finding with a place is a result. One without is a notification, for code scanning refuses a file in which a result
has no place; so are the sections that could not be collected. Clean passes are no results: they stand in the report.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from sdprof.model import AuditResult, Finding, Location, Severity
from sdprof.renderers.finding_groups import STATES, cost_in_words, finding_groups
from sdprof.renderers.fingerprint import fingerprint
from sdprof.renderers.patch_files import hunks_about, patch_files
from sdprof.renderers.printable import one_line
from sdprof.renderers.repository_path import repository_path, uri
from sdprof.renderers.sarif_fixes import sarif_fix
from sdprof.renderers.text_region import text_region

VERSION = "2.1.0"
SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
SOURCE_ROOT = "SRCROOT"
MOST_RELATED = 20
LEVELS: dict[Severity, str] = {"high": "error", "medium": "warning", "low": "note", "info": "note"}

Json = dict[str, Any]


def render(result: AuditResult, *, root: str = "") -> str:
    """The audit as a SARIF log with one run.

    :param root: folder that paths are made relative to, the top of the repository; other paths stay absolute.
    """
    return json.dumps({"$schema": SCHEMA, "version": VERSION, "runs": [_run(result, root)]}, indent=1) + "\n"


def _run(result: AuditResult, root: str) -> Json:
    findings = [
        finding for group in finding_groups(result.findings) if group.status != "passed" for finding in group.findings
    ]
    placed = [finding for finding in findings if finding.locations]
    rules = {finding.id: finding for finding in reversed(placed)}
    numbers = {rule: number for number, rule in enumerate(rules)}
    patched = result.patch.fixes if result.patch is not None else ()
    # Its edits were proven together, so it is offered whole; and once, for a tool would apply it as often as it stands.
    fix = _patch(result, root)
    cured = [finding for finding in placed if set(finding.fixes) & set(patched)]
    offers = next((finding for finding in cured if hunks_about(finding, result)), next(iter(cured), None))
    run: Json = {
        "tool": {
            "driver": {
                "name": "sdprof",
                "version": result.sdprof_version,
                "rules": [_rule(finding) for finding in rules.values()],
            }
        },
        "automationDetails": {"id": f"sdprof/{one_line(result.target.name)}/"},
        "columnKind": "utf16CodeUnits",
        "invocations": [_invocation(result, [finding for finding in findings if not finding.locations])],
        "results": [
            _result(finding, numbers[finding.id], root, result)
            | ({"fixes": [fix]} if fix is not None and finding is offers else {})
            for finding in placed
        ],
    }
    if root:
        run["originalUriBaseIds"] = {SOURCE_ROOT: {"uri": uri(root.rstrip("/") + "/")}}
    return run


def _patch(result: AuditResult, root: str) -> Json | None:
    """The whole patch as a fix."""
    if result.patch is None:
        return None
    paths = {file.diff.path: file.path for file in patch_files(result.patch)}
    description = f"The patch of this audit ({', '.join(result.patch.fixes)}). {result.patch.note}"
    return sarif_fix(result.patch.text, description, lambda path: artifact(paths.get(path, path), root))


def _rule(finding: Finding) -> Json:
    return {
        "id": finding.id,
        "name": "".join(word.capitalize() for word in finding.id.split("-")),
        "shortDescription": {"text": _text(finding.title)},
        "fullDescription": {"text": _text(finding.explanation or finding.title)},
        "defaultConfiguration": {"level": LEVELS[finding.severity]},
        "properties": {"tags": ["performance", "pytorch"]},
    }


def _invocation(result: AuditResult, without_place: Iterable[Finding]) -> Json:
    notifications = [
        {"level": LEVELS[finding.severity], "message": {"text": _message(finding, result)}} for finding in without_place
    ]
    notifications += [
        {"level": "note", "message": {"text": _text(f"Missing: {gap.section}. {gap.reason} {gap.remedy}")}}
        for gap in result.missing
    ]
    invocation: Json = {"executionSuccessful": True, "toolExecutionNotifications": notifications}
    if result.command:
        invocation["commandLine"] = one_line(result.command, 2000)
    return invocation


def _result(finding: Finding, rule: int, root: str, result: AuditResult) -> Json:
    first, *others = finding.locations
    written: Json = {
        "ruleId": finding.id,
        "ruleIndex": rule,
        "kind": "fail",
        "level": "note" if finding.status in ("hidden", "declined") else LEVELS[finding.severity],
        "message": {"text": _message(finding, result)},
        "locations": [_location(first, root)],
        "partialFingerprints": {"sdprof/v1": fingerprint(finding, result.target.source_roots)},
        "properties": {
            "status": finding.status,
            "severity": finding.severity,
            "fixes": list(finding.fixes),
        },
    }
    if finding.cost is not None:
        for name in ("predicted_ms_per_step", "obtained_ms_per_step"):
            value = getattr(finding.cost, name)
            if value is not None:
                written["properties"][name] = value
    if others:
        written["relatedLocations"] = [_location(where, root) for where in others[:MOST_RELATED]]
    return written


def artifact(file: str, root: str) -> Json:
    """A file as SARIF names it."""
    relative = repository_path(file, root)
    return {"uri": uri(file)} if relative is None else {"uri": uri(relative), "uriBaseId": SOURCE_ROOT}


def _location(where: Location, root: str) -> Json:
    place = text_region(where)
    region: Json = {"startLine": place.line, "endLine": place.end_line}
    if place.column is not None:
        region["startColumn"] = place.column
    if place.end_column is not None:
        region["endColumn"] = place.end_column
    if where.code:
        region["snippet"] = {"text": where.code.encode("utf-8", "replace").decode()}
    location: Json = {"physicalLocation": {"artifactLocation": artifact(where.file, root), "region": region}}
    if where.function:
        location["logicalLocations"] = [{"fullyQualifiedName": one_line(where.function), "kind": "function"}]
    return location


def _message(finding: Finding, result: AuditResult) -> str:
    cost = cost_in_words(finding, result.fixes)
    sentences = [
        finding.title.rstrip(".") + (f" ({cost})." if cost else "."),
        finding.explanation,
        f"{STATES[finding.status][0]}: {finding.reason}" if finding.reason else "",
        f"Fixes: {', '.join(finding.fixes)}." if finding.fixes else "",
    ]
    return _text(" ".join(sentence for sentence in sentences if sentence))


def _text(value: str) -> str:
    """One line in which nothing reads as an embedded link (SARIF, 3.11.6)."""
    return one_line(value, 2000).replace("](", "] (")
