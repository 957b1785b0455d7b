"""What a run's folder holds for viewers: traces and stack samples, before and after."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from sdprof.model import AuditKind
from sdprof.renderers.read_audit import UnreadableAuditError, read_audit
from sdprof.viewers.cannot_view import CannotViewError

Side = Literal["before", "after"]
SIDES: tuple[Side, ...] = ("before", "after")
TRACE_ENDINGS = (".pt.trace.json.gz", ".pt.trace.json")
SPEEDSCOPE_FILE = "stacks.speedscope.json"
OTHER_RUNS: dict[AuditKind, str] = {
    "trace": "it is a run of `sdprof trace`, which leaves the trace where it was; open its report.html.",
    "simulation": "it is a run on the simulated device, where nothing is recorded; open its report.html.",
    "shapes": "it is a run without values, where nothing is recorded; open its report.html.",
}
"""Why runs of other kinds than an audit's hold nothing for a viewer."""


def recorded_traces(run: Path) -> dict[Side, tuple[Path, ...]]:
    """Traces of torch.profiler by side; a side without any is left out.

    :raises CannotViewError: where there is none at all.
    """
    found = {side: _traces(run / "tensorboard" / side) for side in SIDES}
    traces = {side: files for side, files in found.items() if files}
    if not traces:
        raise CannotViewError(_nothing(run, "recorded trace", "torch_trace was"))
    return traces


def recorded_stacks(run: Path) -> tuple[Path, ...]:
    """Profiles for speedscope, the baseline's first.

    :raises CannotViewError: where there is none.
    """
    found = sorted(
        run.glob(f"artifacts/*/{SPEEDSCOPE_FILE}"), key=lambda file: (file.parent.name != "baseline", file.parent.name)
    )
    if not found:
        raise CannotViewError(_nothing(run, "stack samples", "stacks were"))
    return tuple(found)


def _traces(folder: Path) -> tuple[Path, ...]:
    if not folder.is_dir():
        return ()
    return tuple(sorted(file for file in folder.iterdir() if file.name.endswith(TRACE_ENDINGS)))


def _nothing(run: Path, what: str, collector: str) -> str:
    """Why a folder holds none of it: it depends on the kind of the run."""
    kind = _kind(run)
    if kind is not None and kind in OTHER_RUNS:
        return f"{run} holds no {what}: {OTHER_RUNS[kind]}"
    return f"{run} holds no {what}: it is no run's folder, or its {collector} skipped."


def _kind(run: Path) -> AuditKind | None:
    try:
        return read_audit(run).kind
    except UnreadableAuditError:
        return None
