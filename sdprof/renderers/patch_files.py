"""The patch of an audit by file, and which of its hunks touch a finding."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass

from sdprof.model import AuditResult, Finding, Patch
from sdprof.renderers.unified_diff import FileDiff, Hunk, parse

NEAR_LINES = 3
"""New lines this far above a finding's line still belong to it: a table is copied before the loop that reads it."""


@dataclass(frozen=True)
class PatchFile:
    """One file of the patch."""

    path: str
    """Absolute, where the audit kept the folder that the diff's paths are relative to; else as in the diff."""
    diff: FileDiff


def patch_files(patch: Patch | None) -> tuple[PatchFile, ...]:
    """Every file that the patch changes."""
    if patch is None:
        return ()
    return tuple(PatchFile(_absolute(diff.path, patch), diff) for diff in parse(patch.text))


def hunks_about(finding: Finding, result: AuditResult) -> tuple[tuple[PatchFile, Hunk], ...]:
    """Hunks that stand at one of the finding's places, where the patch holds one of its fixes."""
    if result.patch is None or not set(finding.fixes) & set(result.patch.fixes):
        return ()
    places = {(where.file, line) for where in finding.locations for line in _lines(where.line, where.end_line)}
    return tuple(
        (file, hunk)
        for file in patch_files(result.patch)
        for hunk in file.diff.hunks
        if any((file.path, line) in places for line in _changed(hunk))
    )


def _lines(first: int, last: int | None) -> range:
    return range(first, min(max(last or first, first), first + 50) + 1)


def _changed(hunk: Hunk) -> Iterator[int]:
    """Numbers of the lines that go; of those around a place where lines only come in."""
    for change in hunk.replacements:
        if change.removed:
            yield from range(change.line, change.line + len(change.removed))
        else:
            yield from range(change.line - 1, change.line + NEAR_LINES)


def _absolute(path: str, patch: Patch) -> str:
    for file in patch.files:
        if file.root and posixpath.join(file.root, path) == file.file:
            return file.file
    return path
