"""What the user asked for: everything that the command line knows, and nothing else."""

from __future__ import annotations

import msgspec


class AuditRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One audit's order. It is kept in the manifest, so that an audit can go on as it was begun."""

    target_file: str
    target_name: str
    summary: str = ""
    options: dict[str, str | int | None]
    """Fields of ``BuildOptions``."""
    extra: dict[str, str] = {}
    quick: bool = False
    """No compilation, few rounds: an answer in a minute."""
    profile_steps: int = 4
    """Steps of a run under a profiler."""
    budget_seconds: float = 240.0
    """Time for the comparison: rounds and variants are planned to fit."""
    search_seconds: float = 720.0
    """No rounds of the comparison begin later than this: what was chosen is then judged by what there is."""
    timeout_seconds: float = 900.0
    """Longest wait for any one answer of a worker."""
    lines: tuple[str, ...] = ()
    """Functions to profile by line; empty: found from the loop."""
    only_fixes: tuple[str, ...] = ()
    without_fixes: tuple[str, ...] = ()
    lossy_fixes: tuple[str, ...] = ()
    """Lossy fixes that the user allows by name."""
    threads: int | None = None
    without_values: bool = False
    """On the simulated device: shapes, costs and memory, and nothing computed."""
    without_collectors: tuple[str, ...] = ()
    collector_options: dict[str, str] = {}
    command: str = ""
    """The command line, to repeat the audit."""
