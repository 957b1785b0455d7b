"""Which line of the user's file a line of its rewritten copy was."""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

ALIKE = 0.5
"""Share of its text that a line keeps when an expression in it is rewritten."""


@dataclass(frozen=True)
class OriginalLines:
    """Where a line comes from."""

    first: int
    last: int
    """Lines of the original, from 1; one line where nothing changed, the rewritten block where something did."""
    changed: bool


class LineMap:
    """From the lines of a rewritten text to those of its original."""

    def __init__(self, original: Sequence[str], rewritten: Sequence[str]) -> None:
        matcher = difflib.SequenceMatcher(None, original, rewritten, autojunk=False)
        self._blocks = [(tag, i1, i2, j1, j2) for tag, i1, i2, j1, j2 in matcher.get_opcodes() if j1 < j2]
        self._starts = [block[3] for block in self._blocks]
        self._original, self._rewritten = original, rewritten

    def original(self, line: int) -> OriginalLines | None:
        """Where a line of the rewritten text (from 1) comes from; None where it was inserted."""
        at = bisect_right(self._starts, line - 1) - 1
        if at < 0:
            return None
        tag, first, end, start, stop = self._blocks[at]
        if line - 1 >= stop or tag == "insert":
            return None
        if tag == "equal":
            same = first + (line - 1 - start) + 1
            return OriginalLines(same, same, changed=False)
        if self._is_line_by_line(first, end, start, stop):
            same = first + (line - 1 - start) + 1
            return OriginalLines(same, same, changed=True)
        return OriginalLines(first + 1, end, changed=True)

    def _is_line_by_line(self, first: int, end: int, start: int, stop: int) -> bool:
        """Whether each line of a rewritten block has kept its place: as many lines, and each like its own."""
        pairs = zip(self._original[first:end], self._rewritten[start:stop], strict=False)
        alike = (difflib.SequenceMatcher(None, one, other).ratio() > ALIKE for one, other in pairs)
        return end - first == stop - start and all(alike)

    def rewritten(self, line: int) -> int | None:
        """Where a line of the original (from 1) stands in the rewritten text; None where it was changed."""
        for tag, first, end, start, _ in self._blocks:
            if tag == "equal" and first <= line - 1 < end:
                return start + (line - 1 - first) + 1
        return None
