"""Memory at each step and inside one, before and after."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from sdprof import quantities
from sdprof.model import AuditResult, MemoryCurve, MemoryProfile
from sdprof.renderers.html.curve_plot import Curve, curve_plot
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


@dataclass(frozen=True)
class StepMemoryPlot:
    """Memory inside one step."""

    drawing: Markup
    curves: tuple[tuple[str, MemoryCurve], ...]
    """(Before or After, curve)."""


def step_memory_plot(result: AuditResult) -> StepMemoryPlot | None:
    """Draw the memory inside a step; None where the profiler did not record it."""
    if result.memory_in_step is None:
        return None
    pairs = (("Before", result.memory_in_step.baseline), ("After", result.memory_in_step.candidate))
    curves = tuple((name, curve) for name, curve in pairs if curve is not None and curve.bytes)
    if not curves:
        return None
    lines = [
        Curve(name, name.lower(), list(zip(curve.milliseconds, curve.bytes, strict=False))) for name, curve in curves
    ]
    peaks = "; ".join(f"{name}: highest {quantities.size(max(curve.bytes))}" for name, curve in curves)
    highest = max(max(curve.bytes) for _, curve in curves)
    drawing = curve_plot(
        lines,
        label=f"Memory inside a step. {peaks}",
        write_x=quantities.milliseconds,
        write_y=quantities.size,
        unit=_binary_unit(highest),
    )
    return StepMemoryPlot(drawing, curves)


def _unit(profiles: tuple[tuple[str, MemoryProfile], ...]) -> float:
    """The largest of KiB, MiB, GiB, … that the memory fills once."""
    highest = max((step.peak_bytes for _, profile in profiles for step in profile.steps), default=1)
    return _binary_unit(highest)


def _binary_unit(highest: int) -> float:
    return float(1024 ** (max(highest.bit_length() - 1, 0) // 10))
