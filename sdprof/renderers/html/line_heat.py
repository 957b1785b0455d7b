"""Line heat: the profiled lines of a function in their order, each with its share of the run."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.model import AuditResult, HotLine
from sdprof.renderers.printable import printable

MOST_FUNCTIONS = 8
MOST_LINES = 40
LEVELS = 9


@dataclass(frozen=True)
class HeatLine:
    """A line; ``after_gap`` where lines above it are not shown."""

    hot: HotLine
    code: str
    level: int
    """0 to 9: its share against the hottest line of the function."""
    after_gap: bool


@dataclass(frozen=True)
class HeatFunction:
    """A function with its hot lines."""

    lines: tuple[HeatLine, ...]

    @property
    def hottest(self) -> HotLine:
        """The line that takes most."""
        return max((line.hot for line in self.lines), key=lambda hot: hot.share)


def line_heat(result: AuditResult) -> tuple[HeatFunction, ...]:
    """Functions by their hottest line."""
    functions: dict[tuple[str, str], list[HotLine]] = {}
    for hot in result.hot_lines:
        functions.setdefault((hot.where.file, hot.where.function), []).append(hot)
    ranked = sorted(functions.values(), key=lambda lines: -max(hot.share for hot in lines))
    return tuple(_function(lines) for lines in ranked[:MOST_FUNCTIONS])


def _function(lines: list[HotLine]) -> HeatFunction:
    kept = sorted(sorted(lines, key=lambda hot: -hot.share)[:MOST_LINES], key=lambda hot: hot.where.line)
    hottest = max(hot.share for hot in kept) or 1.0
    codes = [(hot.where.code.splitlines() or [""])[0] for hot in kept]
    indent = min((len(code) - len(code.lstrip()) for code in codes if code.strip()), default=0)
    rows = []
    previous: int | None = None
    for hot, code in zip(kept, codes, strict=True):
        level = round(LEVELS * min(max(hot.share / hottest, 0.0), 1.0))
        gap = previous is not None and hot.where.line > previous + 1
        rows.append(HeatLine(hot, printable(code[indent:])[:160], level, gap))
        previous = hot.where.line
    return HeatFunction(tuple(rows))
