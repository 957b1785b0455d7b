"""The files of a cluster's machines: every state that comes is added to what earlier benches left there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from sdprof.bench.machine_file import change_bench, named_file, read_bench, with_series
from sdprof.model.bench import BenchFile


class ClusterFiles:
    """One file for each kind of accelerator."""

    def __init__(self, folder: Path, accelerators: Iterable[str]) -> None:
        """Look at the files before anything runs.

        :raises UnreadableBenchError: if one is damaged: rounds could not be added to it.
        """
        self._folder = folder
        self._best: dict[str, BenchFile] = {}
        self._written: dict[str, BenchFile] = {}
        for accelerator in sorted(set(accelerators)):
            file = named_file(accelerator, folder)
            if file.exists():
                read_bench(file)

    def take(self, accelerator: str, state: BenchFile) -> BenchFile:
        """Write a state of this bench, where it has more rounds than what an earlier node sent; the file's content.

        A node that replaces a lost one begins anew: until it has overtaken the lost one, that one's rounds stay.

        :raises UnreadableBenchError: if the file is damaged.
        :raises RunFolderError: if it cannot be written.
        """
        held = self._best.get(accelerator)
        best = state
        if held is not None and state.rounds_done <= held.rounds_done:
            best = msgspec.structs.replace(held, lost=state.lost)
        if best != held:
            self._best[accelerator] = best
            self._written[accelerator] = change_bench(
                named_file(accelerator, self._folder), lambda there: _added(there, best, held)
            )
        return self._written[accelerator]

    def written(self) -> tuple[tuple[Path, BenchFile], ...]:
        """Every file that this bench wrote, and what it holds."""
        return tuple((named_file(name, self._folder), machine) for name, machine in self._written.items())


def _added(there: BenchFile | None, best: BenchFile, overtaken: BenchFile | None) -> BenchFile:
    """What is there without what was overtaken, and with this; its name is that of the machine that computed last."""
    if there is None:
        return best
    gone = {(each.settings, each.started) for each in overtaken.series} if overtaken is not None else set()
    kept = tuple(each for each in there.series if (each.settings, each.started) not in gone)
    named = best if best.series else there
    machine = msgspec.structs.replace(named, series=kept, lost=best.lost)
    for each in best.series:
        machine = with_series(machine, each)
    return machine
