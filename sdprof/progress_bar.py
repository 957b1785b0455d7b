"""Progress on the terminal."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

PLAIN_INTERVAL_SECONDS = 10.0


class TerminalProgress:
    """A bar for each stage on a terminal; a plain line for each stage where the output is a file or a pipe."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._title = ""
        self._started = 0.0

    def begin(self, stage: str, total: int | None = None) -> None:
        """Open a bar for a stage."""
        self._title, self._started = stage, time.monotonic()
        if not self._console.is_terminal:
            self._console.print(f"{stage} …", highlight=False)
            return
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<34}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn("{task.fields[what]}"),
            console=self._console,
            transient=True,
        )
        self._bar.start()
        self._task = self._bar.add_task(stage, total=total, what="")

    def advance(self, what: str = "") -> None:
        """Move the bar on by one part."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=1, what=what)

    def end(self) -> None:
        """Close the bar and leave one line behind."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self._console.print(f"{self._title}: {time.monotonic() - self._started:.1f} s", highlight=False)
