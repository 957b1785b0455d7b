"""What this machine can and cannot collect, and what to do about it: the words for ``sdprof doctor``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import get_args

from rich.console import Console
from rich.table import Table

from sdprof.stages.progress import Progress, stage
from sdprof.worker.client import Worker, WorkerError
from sdprof.worker.launcher import Launcher, launcher
from sdprof.worker.protocol import Check, CheckName, Examine

TIMEOUT_SECONDS = 180.0
"""For one check: compiling two lines takes seconds, the first import of a large library on a cold disk too."""
NEEDED = "torch"
CHECKS: tuple[CheckName, ...] = get_args(CheckName)

Ask = Callable[[CheckName], Check]


@dataclass(frozen=True)
class Report:
    """What was found, as text, and whether an audit can run here at all."""

    checks: tuple[Check, ...]
    text: str
    usable: bool


def examine(progress: Progress, *, timeout_seconds: float = TIMEOUT_SECONDS) -> Report:
    """Try everything in a worker. A check that kills its worker is a finding; the next one gets a new worker."""
    with stage(progress, "Examining this machine", len(CHECKS)), launcher() as workers:
        patient = _Patient(workers, timeout_seconds, progress)
        try:
            return report_of(patient.answers())
        finally:
            patient.close()


def report_of(checks: Iterable[Check]) -> Report:
    """Put the findings into words."""
    found = tuple(checks)
    usable = any(check.name == NEEDED and check.ok for check in found)
    if len(found) == 1 and not usable:
        return Report(found, f"{found[0].finding} {found[0].remedy}".strip(), usable=False)
    lacking = [check.name for check in found if not check.ok and not check.optional]
    if not usable:
        verdict = "Nothing can be audited here until PyTorch works."
    elif lacking:
        verdict = f"Audits run here, without: {', '.join(lacking)}."
    else:
        verdict = "Audits run here, with every section."
    return Report(found, f"{_table(found)}\n\n{verdict}", usable)


class _Patient:
    """Asks one check after the other of a worker, and of a new one after a crash."""

    def __init__(self, workers: Launcher, timeout_seconds: float, progress: Progress) -> None:
        self._workers = workers
        self._progress = progress
        self._timeout_seconds = timeout_seconds
        self._worker: Worker | None = None

    def answers(self) -> Iterable[Check]:
        for name in CHECKS:
            self._progress.advance(name)
            try:
                worker = self._open()
            except WorkerError as error:
                yield Check(name=NEEDED, ok=False, finding=_sentence(error), remedy=NO_TORCH)
                return
            try:
                yield from worker.examine(Examine(check=name)).checks
            except WorkerError as error:
                self.close()
                yield Check(name=name, ok=False, finding=_sentence(error), remedy="An audit leaves it out.")

    def close(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def _open(self) -> Worker:
        if self._worker is None:
            self._worker = Worker(name="the check", timeout_seconds=self._timeout_seconds, launcher=self._workers)
        return self._worker


NO_TORCH = "Install PyTorch as https://pytorch.org says, then try again."


def _sentence(error: WorkerError) -> str:
    return f"{error.sentence[:1].upper()}{error.sentence[1:].rstrip('.')}."


def _table(checks: tuple[Check, ...]) -> str:
    table = Table(box=None, pad_edge=False, show_header=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in checks:
        mark = "works" if check.ok else "note" if check.optional else "FAILS"
        table.add_row(mark, check.name, f"{check.finding} {check.remedy}".strip())
    console = Console(highlight=False, markup=False)
    with console.capture() as capture:
        console.print(table)
    return "\n".join(line.rstrip() for line in capture.get().rstrip("\n").splitlines())
