"""How an audit tells what it is doing, without knowing to whom."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """Something that shows progress: a terminal, a log, nothing."""

    def begin(self, stage: str, total: int | None = None) -> None:
        """A stage begins; ``total`` is its number of parts, if that is known."""

    def advance(self, what: str = "") -> None:
        """One part of the stage is done; ``what`` comes next."""

    def end(self) -> None:
        """The stage is over."""


class Silent:
    """Shows nothing."""

    def begin(self, stage: str, total: int | None = None) -> None:
        """Begin nothing."""

    def advance(self, what: str = "") -> None:
        """Advance nothing."""

    def end(self) -> None:
        """End nothing."""


@contextmanager
def stage(progress: Progress, title: str, total: int | None = None) -> Iterator[None]:
    """Show one stage from its beginning to its end, also where it fails."""
    progress.begin(title, total)
    try:
        yield
    finally:
        progress.end()
