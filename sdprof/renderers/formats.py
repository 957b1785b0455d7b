"""The formats of ``sdprof report``, by name: from an audit to a text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from sdprof.model import AuditResult
from sdprof.renderers import csv_table, github_annotations, html, junit, markdown, sarif, terminal
from sdprof.renderers.format_names import FormatName


@dataclass(frozen=True)
class Surroundings:
    """Where a text will be read, as far as it matters to some format."""

    width: int = 100
    """Columns of the terminal."""
    color: bool = False
    root: str = ""
    """Folder that paths in machine-readable formats are relative to: the top of the repository."""


@dataclass(frozen=True)
class Format:
    """One way to write an audit down."""

    file: str
    """What its file is called."""
    render: Callable[[AuditResult, Surroundings], str]


FORMATS: dict[FormatName, Format] = {
    "html": Format("report.html", lambda result, _: html.render(result)),
    "md": Format("report.md", lambda result, _: markdown.render(result)),
    "json": Format("audit.json", lambda result, _: as_json(result)),
    "sarif": Format("report.sarif", lambda result, around: sarif.render(result, root=around.root)),
    "junit": Format("junit.xml", lambda result, _: junit.render(result)),
    "github": Format("annotations.txt", lambda result, around: github_annotations.render(result, root=around.root)),
    "csv": Format("findings.csv", lambda result, around: csv_table.render(result, root=around.root)),
    "text": Format(
        "report.txt", lambda result, around: terminal.render(result, width=around.width, color=around.color)
    ),
}


def as_json(result: AuditResult) -> str:
    """audit.json itself, checked, and with every field of this version."""
    return msgspec.json.format(msgspec.json.encode(result), indent=1).decode() + "\n"
