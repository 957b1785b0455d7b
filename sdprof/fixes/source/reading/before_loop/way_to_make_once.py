"""One way to make a tensor once."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.fixes.source.edit import FileChange, Replacement


@dataclass(frozen=True)
class MadeOnce:
    """One way to make it once."""

    file: str
    replacements: list[Replacement]
    said: str
    helpers: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    elsewhere: tuple[FileChange, ...] = ()
