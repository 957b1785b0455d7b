"""What was asked for, checked before anything is started."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from pathlib import Path

import msgspec

from sdprof.bench.audited_plan import with_audited_plan
from sdprof.bench.configurations import FAMILIES, ConfigurationSet
from sdprof.model import AuditResult
from sdprof.model.bench import BenchSettings
from sdprof.stages.request_check import WrongCallError
from sdprof.target_index import find_target


class BenchOrder(msgspec.Struct, frozen=True, kw_only=True):
    """One bench: the same configurations at one or more batch sizes."""

    taking_part: ConfigurationSet
    settings: tuple[BenchSettings, ...]
    """One a batch size."""
    rounds: int
    timeout_seconds: float
    resume: bool = False


def make_order(
    settings: BenchSettings,
    batch_sizes: str,
    *,
    rounds: int,
    timeout_seconds: float,
    resume: bool,
    plan: tuple[AuditResult, str] | None = None,
) -> BenchOrder:
    """Check what was asked for.

    :param batch_sizes: numbers with commas between them.
    :param plan: an audit whose plan takes part, and what it is called.
    :raises WrongCallError: for a target, a set, a size or a batch size that there is not.
    :raises TargetNotFoundError: if a configuration's target is not installed.
    """
    _check("bench target", settings.target, FAMILIES)
    _check(f"set of configurations of {settings.target}", settings.configurations, FAMILIES[settings.target])
    words = [word.strip() for word in batch_sizes.split(",")]
    if not all(word.isdecimal() and int(word) > 0 for word in words) or len(set(words)) != len(words):
        raise WrongCallError(
            f"--batch-size takes whole numbers from 1 up with commas, such as 1,2,4, not {batch_sizes!r}."
        )
    if not math.isfinite(timeout_seconds):
        raise WrongCallError(f"--timeout takes a number of seconds, not {timeout_seconds}.")
    if settings.weights is not None and not Path(settings.weights).is_file():
        raise WrongCallError(f"The checkpoint {settings.weights} is not there.")
    taking_part = FAMILIES[settings.target][settings.configurations]
    if plan is not None:
        taking_part = with_audited_plan(taking_part, *plan)
    if not taking_part.takes_n_iter:
        settings = msgspec.structs.replace(settings, n_iter=1)
    order = BenchOrder(
        taking_part=taking_part,
        settings=tuple(msgspec.structs.replace(settings, batch_size=int(word)) for word in words),
        rounds=rounds,
        timeout_seconds=timeout_seconds,
        resume=resume,
    )
    for name in {configuration.target for configuration in order.taking_part.configurations}:
        sizes = find_target(name).declaration.sizes
        if settings.size is not None:
            _check("size", settings.size, sizes)
    return order


def _check(kind: str, given: str, known: Iterable[str]) -> None:
    names = sorted(known)
    if given not in names:
        near = difflib.get_close_matches(given, names, 1)
        meant = f"; did you mean {near[0]}?" if near else "."
        raise WrongCallError(f"There is no {kind} {given!r}: choose from {', '.join(names)}{meant}")
