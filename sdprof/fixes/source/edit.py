"""What a rewrite answers: where the text changes, and what that does to the numbers."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from sdprof.model import Location, Numerics


class Replacement(msgspec.Struct, frozen=True, kw_only=True):
    """Characters ``start`` to ``end`` of the original text become ``text``; an insertion has ``start == end``."""

    start: int
    end: int
    text: str


class FileChange(msgspec.Struct, frozen=True, kw_only=True):
    """What an edit changes in a further file."""

    file: str
    replacements: tuple[Replacement, ...]


class Edit(msgspec.Struct, frozen=True, kw_only=True):
    """One cure of one site, in one file or in several that one patch changes: all of it or nothing."""

    fix: str
    """Id of the fix."""
    file: str
    """The file that changes; it may be that of a caller."""
    where: Location
    """The site that is to be cured."""
    replacements: tuple[Replacement, ...]
    elsewhere: tuple[FileChange, ...] = ()
    """The other files that change with it: a function's, and that of its caller."""
    helpers: tuple[str, ...] = ()
    """Names of functions to add to the file, of those in ``inserted_helpers``."""
    imports: tuple[str, ...] = ()
    """Import statements that the file needs: ``import torch``."""
    numerics: Numerics
    """What it does to the numbers on any device."""
    proof: Literal["data", "arithmetic"]
    """data: values are only moved or compared, so equality on the simulated device holds on a GPU. arithmetic: another
    device or kernel computes, so a run on a GPU has to confirm it."""
    description: str
    """What was done, in one sentence."""

    @property
    def files(self) -> tuple[str, ...]:
        """All files that change."""
        return (self.file, *(each.file for each in self.elsewhere))

    def changes_in(self, file: str) -> tuple[Replacement, ...]:
        """What changes in one of them, by whatever name."""
        if same_file(file, self.file):
            return self.replacements
        return next((each.replacements for each in self.elsewhere if same_file(file, each.file)), ())


def changes_elsewhere(changes: Mapping[str, Sequence[Replacement]]) -> tuple[tuple[FileChange, ...], str]:
    """What changes in further files, by path, and what an edit's description says of them."""
    elsewhere = tuple(FileChange(file=file, replacements=tuple(made)) for file, made in changes.items())
    names = " and ".join(Path(file).name for file in changes)
    return elsewhere, f" {names} changes with it." if changes else ""


def same_file(one: str, other: str) -> bool:
    """Whether two paths are names of one file: a module may be imported through a link, too."""
    return one == other or os.path.realpath(one) == os.path.realpath(other)


class Declined(msgspec.Struct, frozen=True, kw_only=True):
    """A fix would not touch a site."""

    fix: str
    where: Location
    reason: str
    """One sentence."""
