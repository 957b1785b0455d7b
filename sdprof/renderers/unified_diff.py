"""Reads a unified diff: which lines of which file it takes away, and what it puts in their place."""

from __future__ import annotations

import re
from dataclasses import dataclass

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


@dataclass(frozen=True)
class Replacement:
    """``removed`` consecutive lines from ``line`` (counted from 1) become ``inserted``; with none removed, the new
    lines go before ``line``.
    """

    line: int
    removed: tuple[str, ...]
    inserted: tuple[str, ...]


@dataclass(frozen=True)
class DiffLine:
    """One line as a reader sees it."""

    kind: str
    """``+`` for a new line, ``-`` for one that goes, a space for one that stays."""
    old: int | None
    """Its number before."""
    new: int | None
    """Its number after."""
    text: str
    """Without its newline; a carriage return before that stays, for an editor has to put it back."""

    @property
    def shown(self) -> str:
        """The text for a reader, whom the file's line endings do not concern."""
        return self.text.removesuffix("\r")


@dataclass(frozen=True)
class Hunk:
    """Changed lines with what stands around them."""

    start: int
    """Number of its first line before the change; of the line that new lines go before, where it has no other."""
    lines: tuple[DiffLine, ...]

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """Every run of changed lines, in order."""
        runs: list[Replacement] = []
        removed: list[str] = []
        inserted: list[str] = []
        start = next_old = self.start

        def close() -> None:
            if removed or inserted:
                runs.append(Replacement(start, tuple(removed), tuple(inserted)))
                removed.clear()
                inserted.clear()

        for line in self.lines:
            if line.kind == " ":
                close()
                next_old += 1
                start = next_old
            elif line.kind == "-":
                removed.append(line.text)
                next_old += 1
            else:
                inserted.append(line.text)
        close()
        return tuple(runs)


@dataclass(frozen=True)
class FileDiff:
    """What a diff does to one file."""

    path: str
    """As the diff names it, without ``a/``."""
    hunks: tuple[Hunk, ...]

    @property
    def replacements(self) -> tuple[Replacement, ...]:
        """Every run of changed lines, in order."""
        return tuple(replacement for hunk in self.hunks for replacement in hunk.replacements)


def parse(diff: str) -> tuple[FileDiff, ...]:
    """All files of a unified diff; what is not part of a hunk is passed over."""
    files: list[FileDiff] = []
    lines = diff.split("\n")
    position = 0
    path = ""
    hunks: list[Hunk] = []
    while position < len(lines):
        line = lines[position]
        position += 1
        if line.startswith("--- ") and position < len(lines) and lines[position].startswith("+++ "):
            if hunks:
                files.append(FileDiff(path, tuple(hunks)))
            path, hunks = _path(line[4:]), []
            position += 1
        elif (match := _HUNK.match(line)) is not None:
            hunk, position = _hunk(lines, position, match)
            hunks.append(hunk)
    if hunks:
        files.append(FileDiff(path, tuple(hunks)))
    return tuple(files)


def _path(written: str) -> str:
    path = written.partition("\t")[0].strip()
    return path.removeprefix("a/")


def _hunk(lines: list[str], position: int, head: re.Match[str]) -> tuple[Hunk, int]:
    old, new = int(head[1]), int(head[3])
    old_left, new_left = int(head[2] or 1), int(head[4] or 1)
    if head[2] == "0":  # a hunk without old lines names the line before it
        old += 1
    start = old
    rows: list[DiffLine] = []
    while position < len(lines) and (old_left > 0 or new_left > 0):
        kind, text = lines[position][:1] or " ", lines[position][1:]
        if kind == "\\":  # "\ No newline at end of file"
            position += 1
            continue
        if kind not in " +-":
            break
        rows.append(DiffLine(kind, None if kind == "+" else old, None if kind == "-" else new, text))
        old, old_left = (old, old_left) if kind == "+" else (old + 1, old_left - 1)
        new, new_left = (new, new_left) if kind == "-" else (new + 1, new_left - 1)
        position += 1
    return Hunk(start, tuple(rows)), position
