"""An audit from Python: ``sdprof.audit``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdprof.model import AuditResult


class AuditError(Exception):
    """The audit was called in a way that cannot work, or could not be done: one sentence that says what to do."""


class UnsoundOutputWarning(UserWarning):
    """The audit is done, and the target's output can vouch for nothing: one sentence that says why."""


def audit(
    target: str | Path,
    *,
    out: str | Path | None = None,
    quick: bool = False,
    size: str | None = None,
    steps: int | None = None,
    batch_size: int | None = None,
    height: int | None = None,
    width: int | None = None,
    seed: int = 0,
    dtype: str | None = None,
    device: str = "auto",
    weights: str | Path | None = None,
    settings: Mapping[str, str] | None = None,
    fixes: Sequence[str] = (),
    without_fixes: Sequence[str] = (),
    lossy_fixes: Sequence[str] = (),
    skip: Sequence[str] = (),
    budget_seconds: float | None = None,
    timeout_seconds: float = 900.0,
) -> AuditResult:
    """Audit a sampling loop, as ``sdprof audit`` does. In a notebook the result shows as the report.

    The loop runs in processes of its own: nothing of it happens in this one.

    :param target: a built-in target's name, a folder with ``target.py``, or a target's file.
    :param out: the run's folder, which must not hold a run; default ``reports/<target>-<time>``.
    :param settings: for the target, as ``--set NAME=VALUE``.
    :param skip: collectors to leave out.
    :raises AuditError: for whatever the command line would end with exit code 1 or 2 for.
    """
    from sdprof.pipeline import run_audit
    from sdprof.progress_bar import TerminalProgress
    from sdprof.renderers.read_audit import UnreadableAuditError
    from sdprof.run_folder import RunFolderError
    from sdprof.stages.failure import AuditFailedError
    from sdprof.stages.order import default_folder, order
    from sdprof.stages.request_check import WrongCallError
    from sdprof.target_index import TargetNotFoundError, find_target

    try:
        found = find_target(str(target))
        request = order(
            found,
            quick=quick,
            size=size,
            steps=steps,
            batch_size=batch_size,
            height=height,
            width=width,
            seed=seed,
            dtype=dtype,
            device=device,
            weights=None if weights is None else Path(weights),
            settings=[f"{name}={value}" for name, value in (settings or {}).items()],
            fixes=fixes,
            without_fixes=without_fixes,
            lossy_fixes=lossy_fixes,
            skip=skip,
            budget_seconds=budget_seconds,
            timeout_seconds=timeout_seconds,
            command=f"sdprof.audit({str(target)!r})",
        )
        finished = run_audit(request, Path(out) if out is not None else default_folder(found), TerminalProgress())
    except (WrongCallError, TargetNotFoundError, RunFolderError, UnreadableAuditError, AuditFailedError) as error:
        raise AuditError(str(error)) from None
    if finished.trouble:
        warnings.warn(finished.trouble, UnsoundOutputWarning, stacklevel=2)
    return finished.result
