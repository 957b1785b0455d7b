"""What a run's folder holds for viewers: traces and stack samples, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sdprof.viewers.cannot_view import CannotViewError

Side = Literal["before", "after"]
SIDES: tuple[Side, ...] = ("before", "after")
TRACE_ENDINGS = (".pt.trace.json.gz", ".pt.trace.json")
SPEEDSCOPE_FILE = "stacks.speedscope.json"


def recorded_traces(run: Path) -> dict[Side, tuple[Path, ...]]:
    """Traces of torch.profiler by side; a side without any is left out.

    :raises CannotViewError: where there is none at all.
    """
    found = {side: _traces(run / "tensorboard" / side) for side in SIDES}
    traces = {side: files for side, files in found.items() if files}
    if not traces:
        raise CannotViewError(f"{run} holds no recorded trace: it is no run's folder, or its torch_trace was skipped.")
    return traces


def recorded_stacks(run: Path) -> tuple[Path, ...]:
    """Profiles for speedscope, the baseline's first.

    :raises CannotViewError: where there is none.
    """
    found = sorted(
        run.glob(f"artifacts/*/{SPEEDSCOPE_FILE}"), key=lambda file: (file.parent.name != "baseline", file.parent.name)
    )
    if not found:
        raise CannotViewError(f"{run} holds no stack samples: it is no run's folder, or its stacks were skipped.")
    return tuple(found)


def _traces(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(file for file in folder.iterdir() if file.name.endswith(TRACE_ENDINGS)))
