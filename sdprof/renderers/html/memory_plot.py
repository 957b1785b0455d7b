"""Memory at each step, before and after."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from sdprof.model import AuditResult, MemoryProfile
from sdprof.renderers import quantities
from sdprof.renderers.html.series_plot import Series, series_plot


@dataclass(frozen=True)
class MemoryPlot:
    """The chart and the profiles behind it."""

    drawing: Markup | None
    """None where no profile has steps."""
    profiles: tuple[tuple[str, MemoryProfile], ...]
    """(Before or After, profile)."""


def memory_plot(result: AuditResult) -> MemoryPlot | None:
    """Draw the memory of an audit; None where none was recorded."""
    if result.memory is None:
        return None
    pairs = (("Before", result.memory.baseline), ("After", result.memory.candidate))
    profiles = tuple((name, profile) for name, profile in pairs if profile is not None)
    series = [
        Series(name, name.lower(), {step.step: step.peak_bytes for step in profile.steps}) for name, profile in profiles
    ]
    if not profiles:
        return None
    drawing = None
    if any(one.values for one in series):
        peaks = "; ".join(f"{name}: peak {quantities.size(profile.peak_bytes)}" for name, profile in profiles)
        label = f"Peak memory at each step. {peaks}"
        drawing = series_plot(series, label=label, write=quantities.size, counted="step", unit=_unit(profiles))
    return MemoryPlot(drawing, profiles)


def _unit(profiles: tuple[tuple[str, MemoryProfile], ...]) -> float:
    """The largest of KiB, MiB, GiB, … that the memory fills once."""
    highest = max((step.peak_bytes for _, profile in profiles for step in profile.steps), default=1)
    return float(1024 ** (max(highest.bit_length() - 1, 0) // 10))
