"""What a module or runtime fix acts on: a built workload in a worker, before its first run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

import torch

from sdprof.fixes.declined import DeclinedError as DeclinedError
from sdprof.model import Finding, LoopMap, ModuleProfile


@dataclass
class Subject:
    """A workload that fixes change in place. Fixes are applied once, in order, before the first run."""

    hot_modules: Mapping[str, torch.nn.Module]
    """The live modules. The user's code holds references to them, so a fix changes a module in place: it sets
    children, calls ``Module.compile``, or puts another ``forward`` on the instance."""
    device: torch.device
    dtype: str | None
    findings: tuple[Finding, ...] = ()
    """What the audits found on the baseline, of the kinds that the fix removes."""
    loop: LoopMap | None = None
    modules: ModuleProfile | None = None
    """The baseline's module calls: which inputs never changed, what is called how often."""
    around_run: list[Callable[[], AbstractContextManager[Any]]] = field(default_factory=list)
    """Context managers entered around every run, the first one outermost."""
    before_run: list[Callable[[], None]] = field(default_factory=list)
    """Called at the start of every run: to forget what was cached in the run before."""
    trial_call: Callable[[torch.nn.Module, str], tuple[tuple[Any, ...], dict[str, Any]] | None] | None = None
    """``trial_call(hot module, submodule name)`` runs the loop until that submodule is called and returns the
    arguments of the call, so that a fix can check a replacement against the original on real input."""
