"""Recorded traces as a story: read them all, then write the folder, then say what is in it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sdprof.model import AuditResult
from sdprof.renderers import terminal
from sdprof.renderers.html import page
from sdprof.run_folder import write_new_folder
from sdprof.stages.progress import Progress, stage
from sdprof.stages.publish import AUDIT_FILE, REPORT_FILE
from sdprof.stages.recorded import audit_recorded


@dataclass(frozen=True)
class FinishedTraces:
    """What became of the traces."""

    results: tuple[AuditResult, ...]
    folder: Path
    summary: str


def run_trace_audit(files: Sequence[Path], folder: Path, command: str, progress: Progress) -> FinishedTraces:
    """Audit traces; with more than one, each gets a folder of its own below ``folder``.

    :raises TraceError: if one of them cannot be read; nothing is written then.
    :raises RunFolderError: if the folder cannot be used.
    """
    results = []
    with stage(progress, "Reading", len(files)):
        for file in files:
            progress.advance(file.name)
            results.append(audit_recorded(file, command=command).result)
    places = [""] if len(files) == 1 else [f"{name}/" for name in _distinct_names(files)]
    with stage(progress, "Writing the report"):
        written = {}
        for place, result in zip(places, results, strict=True):
            written[place + AUDIT_FILE] = msgspec.json.format(msgspec.json.encode(result), indent=1)
            written[place + REPORT_FILE] = page.render(result).encode()
        folder = write_new_folder(folder, written)
    width = shutil.get_terminal_size().columns
    summaries = [
        terminal.render(result, width=width, report=str(folder / place / REPORT_FILE))
        for place, result in zip(places, results, strict=True)
    ]
    return FinishedTraces(tuple(results), folder, "\n".join(summaries).rstrip("\n"))


def trace_name(file: Path) -> str:
    """A trace file's name without what every trace's ends in."""
    return file.name.removesuffix(".gz").removesuffix(".json").removesuffix(".trace").removesuffix(".pt") or file.name


def _distinct_names(files: Sequence[Path]) -> list[str]:
    names: list[str] = []
    for file in files:
        name = trace_name(file)
        taken = sum(1 for other in names if other == name or other.startswith(f"{name}-"))
        names.append(f"{name}-{taken + 1}" if name in names else name)
    return names
