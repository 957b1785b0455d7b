"""A comparison of traces or runs as a story: read both, compare, write, tell."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

import msgspec

from sdprof.model import RunDiff
from sdprof.renderers import diff_terminal
from sdprof.renderers.html import diff_page
from sdprof.run_folder import write_new_folder
from sdprof.stages.compare_recorded import compare_recorded

JSON_FILE = "diff.json"
PAGE_FILE = "diff.html"


@dataclass(frozen=True)
class FinishedDiff:
    """A comparison in every form."""

    result: RunDiff
    json: str
    summary: str


def run_diff(before: Path, after: Path, folder: Path | None) -> FinishedDiff:
    """Compare two traces or two runs.

    :param folder: where diff.json and diff.html go; nothing is written without it.
    :raises TraceError: if a trace cannot be read.
    :raises UnreadableAuditError: if an audit cannot be read.
    :raises IncomparableError: if the two are of different sorts.
    :raises RunFolderError: if the folder cannot be used.
    """
    result = compare_recorded(before, after)
    encoded = msgspec.json.format(msgspec.json.encode(result), indent=1)
    if folder is not None:
        write_new_folder(folder, {JSON_FILE: encoded, PAGE_FILE: diff_page.render(result).encode()})
    summary = diff_terminal.render(
        result, width=shutil.get_terminal_size().columns, page="" if folder is None else str(folder / PAGE_FILE)
    )
    return FinishedDiff(result, encoded.decode() + "\n", summary)
