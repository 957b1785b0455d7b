"""An audit's order from what a caller says, on the command line or in Python; what is not said is filled in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sdprof.stages.request import AuditRequest
from sdprof.stages.request_check import checked_request
from sdprof.target_index import TargetFile

QUICK_BUDGET_SECONDS = 40.0
DEFAULT_BUDGET_SECONDS = 120.0
OVERRUN = 3.0
"""A budget that was asked for may be overdrawn this many times: what was chosen wants to be proved."""
PATIENT_SECONDS = 1800.0
"""Where no budget was asked for, a slow loop gets as long as the fewest rounds take: without them, nothing is known."""
QUICK_GRAPH_SECONDS = 6.0
THREADS_OF_TINY = 1
"""A quick audit's: two threads that wait for each other made the tiny loop take 0.4 s where one takes 0.2 s."""


def order(
    target: TargetFile,
    *,
    quick: bool = False,
    size: str | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    height: int | None = None,
    width: int | None = None,
    seed: int = 0,
    dtype: str | None = None,
    device: str = "auto",
    without_values: bool = False,
    weights: Path | None = None,
    settings: Sequence[str] = (),
    fixes: Sequence[str] = (),
    without_fixes: Sequence[str] = (),
    lossy_fixes: Sequence[str] = (),
    lines: Sequence[str] = (),
    skip: Sequence[str] = (),
    profile_steps: int = 4,
    budget_seconds: float | None = None,
    timeout_seconds: float = 900.0,
    threads: int | None = None,
    command: str = "",
) -> AuditRequest:
    """The request, checked.

    :param settings: ``NAME=VALUE`` for the target.
    :param skip: collectors to leave out.
    :param command: how to say it again.
    :raises WrongCallError: if it cannot work: one sentence that says what to change.
    """
    declared = target.declaration
    budget = budget_seconds or (QUICK_BUDGET_SECONDS if quick else DEFAULT_BUDGET_SECONDS)
    tiny = quick and size is None and "tiny" in declared.sizes
    request = AuditRequest(
        target_file=str(target.path),
        target_name=declared.name,
        summary=declared.summary,
        options={
            "size": size or ("tiny" if tiny else None),
            "steps": steps,
            "batch_size": batch_size,
            "height": height,
            "width": width,
            "seed": seed,
            "dtype": dtype,
            "device": device,
            "weights": None if weights is None else str(weights.resolve()),
        },
        quick=quick,
        profile_steps=profile_steps,
        budget_seconds=budget,
        search_seconds=OVERRUN * budget if budget_seconds or quick else PATIENT_SECONDS,
        timeout_seconds=timeout_seconds,
        lines=tuple(lines),
        only_fixes=tuple(fixes),
        without_fixes=tuple(without_fixes),
        lossy_fixes=tuple(lossy_fixes),
        threads=threads or (THREADS_OF_TINY if tiny else None),
        without_values=without_values,
        without_collectors=tuple(skip),
        collector_options={"graphs.seconds": str(QUICK_GRAPH_SECONDS)} if quick else {},
        command=command,
    )
    return checked_request(request, declared, settings)


def default_folder(target: TargetFile) -> Path:
    """Where an audit goes that nobody gave a folder: ``reports/<target>-<time>``."""
    return Path("reports") / f"{target.declaration.name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"
