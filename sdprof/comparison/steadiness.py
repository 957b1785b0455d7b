"""Signs that the machine was not steady while it measured: flagged, and nothing dropped for them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sdprof.comparison.rounds import RoundTimes
from sdprof.comparison.verdict import as_text

DRIFT_SHARE = 0.03
"""A trend below this is not worth a sentence: pairing by round takes it out."""
DRIFT_P = 0.01
"""Kendall's test of a trend must be this sure; 6 rounds in perfect order reach it."""
OUTLIER_SHARE = 0.10
OUTLIER_SCORE = 3.5
"""Iglewicz and Hoaglin's limit on the modified z-score (How to Detect and Handle Outliers, 1993)."""
_MAD_TO_SIGMA = 1.4826
"""Standard deviation over median absolute deviation, for normal noise."""


def unsteadiness(
    times: RoundTimes, *, baseline: str, control: str | None, candidates: tuple[str, ...]
) -> tuple[str, ...]:
    """A sentence for each thing that a reader of the ratios should know about the runs.

    - an entry whose seconds rise or fall through the rounds (Kendall's tau; the size by Theil and Sen's slope);
    - a candidate whose *ratio* to the baseline does: then one number does not describe it;
    - runs far from their entry's median (they stay in the ratios, whose interval bears with them);
    - a baseline that is shown to differ from itself;
    - failed runs.
    """
    entries = (baseline, *((control,) if control is not None else ()), *candidates)
    flags: list[str] = []
    for entry in entries:
        log_seconds = np.log(np.asarray(times.seconds(entry), dtype=np.float64))
        drift = trend(log_seconds)
        if drift is not None:
            flags.append(f"Runs of '{entry}' became {_change(drift)} from the first round to the last.")
        outliers = far_from_median(log_seconds)
        if outliers.size:
            worst = float(np.exp(np.abs(outliers).max()))
            flags.append(
                f"{outliers.size} of {log_seconds.size} runs of '{entry}' lie far from its median, by up to a factor "
                f"of {worst:.2f}; none was dropped."
            )
        failures = times.failures(entry)
        if failures:
            flags.append(
                f"{len(failures)} of {len(failures) + log_seconds.size} runs of '{entry}' failed ({failures[0]}); "
                "their rounds give no pair."
            )
    for candidate in candidates:
        pairs = times.pairs(baseline, candidate)
        drift = trend(np.log(np.asarray(pairs.baseline)) - np.log(np.asarray(pairs.candidate)))
        if drift is not None:
            flags.append(
                f"The speed-up of '{candidate}' changed by {np.expm1(drift):+.0%} from the first round to the last: "
                "one number does not describe it."
            )
    if control is not None:
        against_itself = times.pairs(baseline, control).interval()
        if against_itself is not None and not against_itself.low <= 1 <= against_itself.high:
            flags.append(
                f"The baseline differs from itself (A/A control {as_text(against_itself)}): the machine was not steady."
            )
    return tuple(flags)


def trend(values: NDArray[np.float64]) -> float | None:
    """Change from the first value to the last by Theil and Sen's slope; None where no trend is shown or it is small."""
    if values.size < 3 or np.ptp(values) == 0:
        return None
    position = np.arange(values.size)
    if stats.kendalltau(position, values).pvalue >= DRIFT_P:
        return None
    change = float(stats.theilslopes(values, position)[0]) * (values.size - 1)
    return change if abs(change) >= np.log1p(DRIFT_SHARE) else None


def far_from_median(log_seconds: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances from the median, in log seconds, of the values that lie far from it by the modified z-score."""
    if log_seconds.size < 4:
        return np.empty(0)
    distance = log_seconds - np.median(log_seconds)
    spread = _MAD_TO_SIGMA * np.median(np.abs(distance))
    limit = max(OUTLIER_SCORE * spread, np.log1p(OUTLIER_SHARE))
    far: NDArray[np.float64] = distance[np.abs(distance) > limit]
    return far


def _change(drift: float) -> str:
    return f"{np.expm1(drift):.0%} slower" if drift > 0 else f"{-np.expm1(drift):.0%} faster"
