"""What a collector is given: a workload that is built, warm, and ready to run once more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from sdprof.device import SimulationWithoutValues
from sdprof.model import LoopMap


class CannotCollectError(Exception):
    """A collector cannot work here: one sentence that says why, and one that says what to do about it.

    It costs the section, never the audit.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.remedy = remedy


@dataclass(frozen=True, kw_only=True)
class WatchedRun:
    """One variant in one worker, as a collector sees it."""

    run: Callable[[], Any]
    """Run the whole loop once: seeded, with the variant's fixes in force, and synchronised at the end on CUDA."""
    hot_modules: Mapping[str, torch.nn.Module]
    """By name, the most important first."""
    source_roots: tuple[Path, ...]
    """The user's own source, resolved."""
    folder: Path
    """The variant's artifact folder. A collector writes side files here (traces, speedscope profiles)."""
    device: torch.device
    dtype: str | None
    compiled: bool
    """True where a fix compiled something: Python-level collectors see nothing inside compiled code."""
    loop: LoopMap | None
    """Where the loop is; None while it is still being looked for."""
    step: Callable[..., Any] | None = None
    """The step function that the target declared, if it did."""
    lines: tuple[str, ...] = ()
    """Functions to profile by line that the user named: ``module:qualname`` or a bare qualified name."""
    options: Mapping[str, str] = field(default_factory=dict)
    """Settings of single collectors, ``collector.name`` → value: ``stacks.rate_hz``, ``graphs.seconds`` …"""
    simulation: SimulationWithoutValues | None = None
    """The simulated device, where it computes no values."""

    def is_user_file(self, file: str) -> bool:
        """Whether a source file belongs to the target's own source."""
        path = Path(file)
        return any(path == root or root in path.parents for root in self.source_roots)
