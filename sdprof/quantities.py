"""Numbers as people read them: few digits, always a unit, never a wrong precision."""

from __future__ import annotations

import math

from sdprof.model import Interval

NOT_A_NUMBER = "not a number"
UNKNOWN = "–"


def number(value: float | None, digits: int = 3) -> str:
    """``value`` with ``digits`` significant digits: 0.0123, 12.3, 1,234, 3.1e-6."""
    if value is None:
        return UNKNOWN
    if not math.isfinite(value):
        return NOT_A_NUMBER if math.isnan(value) else ("infinite" if value > 0 else "−infinite")
    if value == 0:
        return "0"
    sign, magnitude = ("−" if value < 0 else ""), abs(value)
    exponent = math.floor(math.log10(magnitude))
    if exponent < -3 or exponent >= 9:
        mantissa, _, power = f"{magnitude:.{max(digits - 2, 0)}e}".partition("e")
        return f"{sign}{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    decimals = max(digits - 1 - exponent, 0)
    text = f"{magnitude:,.{decimals}f}"
    if float(value).is_integer() and "." in text:
        text = text.rstrip("0").rstrip(".")
    return sign + text


def chosen(value: float) -> str:
    """A number that somebody chose, like a limit: no digit that was not chosen: 0.001, 1e-4."""
    text = number(value)
    return text.rstrip("0").rstrip(".") if "." in text and "e" not in text else text


def count(value: float | None) -> str:
    """A count, or a count per step: whole numbers stay whole."""
    if value is None:
        return UNKNOWN
    return f"{int(value):,}" if math.isfinite(value) and float(value).is_integer() else number(value)


def counted(value: float, noun: str) -> str:
    """A count and what it counts: 1 round, 12 rounds."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def milliseconds(value: float | None) -> str:
    """Milliseconds, as seconds from ten seconds up."""
    if value is None or not math.isfinite(value):
        return number(value)
    return f"{number(value / 1000)} s" if abs(value) >= 10_000 else f"{number(value)} ms"


def seconds(value: float | None) -> str:
    """Seconds in the unit that suits: 420 µs, 12.3 ms, 1.24 s, 2 min 5 s."""
    if value is None or not math.isfinite(value):
        return number(value)
    magnitude = abs(value)
    if magnitude >= 120:
        minutes, rest = divmod(round(magnitude), 60)
        return f"{'−' if value < 0 else ''}{minutes:,} min {rest} s"
    if magnitude >= 1 or value == 0:
        return f"{number(value)} s"
    return f"{number(value * 1e3)} ms" if magnitude >= 1e-3 else f"{number(value * 1e6)} µs"


def size(value: float | None) -> str:
    """Bytes in powers of 1024."""
    return _scaled(value, 1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB"))


def flops(value: float | None) -> str:
    """Floating-point operations, multiply and add counted as two."""
    return _scaled(value, 1000, ("FLOP", "kFLOP", "MFLOP", "GFLOP", "TFLOP", "PFLOP"))


def _scaled(value: float | None, base: int, units: tuple[str, ...]) -> str:
    if value is None or not math.isfinite(value):
        return number(value)
    scaled, unit = float(value), 0
    while abs(scaled) >= base and unit < len(units) - 1:
        scaled /= base
        unit += 1
    return f"{number(scaled)} {units[unit]}"


def share(value: float | None) -> str:
    """A share of 1 in percent."""
    return percent(None if value is None else value * 100)


def percent(value: float | None) -> str:
    """A percentage with one decimal under ten: 0.4%, 7.3%, 42%."""
    if value is None or not math.isfinite(value):
        return number(value)
    if 0 < value < 0.1:
        return "<0.1%"
    return f"{value:.1f}%" if abs(value) < 9.95 else f"{value:,.0f}%"


def ratio_decimals(interval: Interval) -> int:
    """Decimals at which the interval's ends can still be told from each other and from 1."""
    ends = (interval.low, interval.high)
    near_one = any(0 < abs(end - 1) < 0.01 for end in ends)
    return 3 if near_one or interval.high - interval.low < 0.02 else 2


def times(interval: Interval | None) -> str:
    """A speed-up, without its interval: 1.63×."""
    return UNKNOWN if interval is None else f"{ratio(interval.median, ratio_decimals(interval))}×"


def bounds(interval: Interval | None) -> str:
    """The two ends of an interval of a ratio: 1.58 to 1.68."""
    if interval is None:
        return UNKNOWN
    decimals = ratio_decimals(interval)
    return f"{ratio(interval.low, decimals)} to {ratio(interval.high, decimals)}"


def ratio(value: float, decimals: int) -> str:
    """One number of an interval of ratios, at the decimals that suit all of it (:func:`ratio_decimals`)."""
    return f"{value:.{decimals}f}" if math.isfinite(value) and value < 1000 else number(value)
