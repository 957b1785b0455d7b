"""An audit from Python: ``sdprof.audit``."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sdprof.report_in_cell import show_where_cells_are

if TYPE_CHECKING:
    from sdprof.model import AuditResult

AT_LEAST_ONE = (
    "steps",
    "batch_size",
    "height",
    "width",
    "profile_steps",
    "budget_seconds",
    "timeout_seconds",
    "threads",
)
"""What the command line refuses below 1."""


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
    no_values: bool = False,
    weights: str | Path | None = None,
    settings: Mapping[str, str] | None = None,
    fixes: Sequence[str] = (),
    without_fixes: Sequence[str] = (),
    lossy_fixes: Sequence[str] = (),
    lines: Sequence[str] = (),
    skip: Sequence[str] = (),
    profile_steps: int = 4,
    budget_seconds: float | None = None,
    timeout_seconds: float = 900.0,
    threads: int | None = None,
) -> AuditResult:
    """Audit a sampling loop, as ``sdprof audit`` does. In a notebook the result shows as the report.

    The loop runs in processes of its own: nothing of it happens in this one.

    :param target: a built-in target's name, a folder with ``target.py``, or a target's file.
    :param out: the run's folder, which must not hold a run; default ``reports/<target>-<time>``.
    :param no_values: with the device ``simulated``: operations, memory and a bound for known GPUs.
    :param settings: for the target, as ``--set NAME=VALUE``.
    :param lines: functions to profile by line.
    :param skip: collectors to leave out.
    :raises AuditError: for whatever the command line would end with exit code 1 or 2 for.
    """
    given = {**locals()}
    _refuse_less_than_one(given)
    command = _said_again(given)
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
            without_values=no_values,
            weights=None if weights is None else Path(weights),
            settings=[f"{name}={value}" for name, value in (settings or {}).items()],
            fixes=fixes,
            without_fixes=without_fixes,
            lossy_fixes=lossy_fixes,
            lines=lines,
            skip=skip,
            profile_steps=profile_steps,
            budget_seconds=budget_seconds,
            timeout_seconds=timeout_seconds,
            threads=threads,
            command=command,
        )
        finished = run_audit(request, Path(out) if out is not None else default_folder(found), TerminalProgress())
    except (WrongCallError, TargetNotFoundError, RunFolderError, UnreadableAuditError, AuditFailedError) as error:
        raise AuditError(str(error)) from None
    if finished.trouble:
        warnings.warn(finished.trouble, UnsoundOutputWarning, stacklevel=2)
    show_where_cells_are()
    return finished.result


def _refuse_less_than_one(arguments: Mapping[str, Any]) -> None:
    for name in AT_LEAST_ONE:
        value = arguments[name]
        if value is not None and not value >= 1:
            raise AuditError(f"{name} has to be 1 or more, not {value!r}.")


def _said_again(arguments: Mapping[str, Any]) -> str:
    """The call that makes this audit again: the target, and what differs from the defaults."""
    defaults = {name: parameter.default for name, parameter in inspect.signature(audit).parameters.items()}
    told = [repr(_plain(arguments["target"]))]
    told += [
        f"{name}={_plain(value)!r}" for name, value in arguments.items() if name != "target" and value != defaults[name]
    ]
    return f"sdprof.audit({', '.join(told)})"


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
