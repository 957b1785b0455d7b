"""When a compilation has paid for itself."""

from __future__ import annotations

import math


def break_even_runs(*, extra_seconds: float, baseline_seconds: float, candidate_seconds: float) -> float | None:
    """After how many runs the candidate has won back what it cost up front; None where it never does.

    extra / (baseline - candidate): the up-front cost over what each run saves. It is given unrounded; a reader who
    counts whole runs rounds it up.

    :param extra_seconds: what the candidate needs before its first steady run more than the baseline does (build and
        first run together). Where that is nothing or less, it has paid from the start: 0.
    :param baseline_seconds: seconds of one run of the baseline in steady state.
    :param candidate_seconds: the same of the candidate.
    :raises ValueError: where a run does not take positive time, or a number is not finite.
    """
    if not all(map(math.isfinite, (extra_seconds, baseline_seconds, candidate_seconds))):
        raise ValueError("seconds must be finite")
    if baseline_seconds <= 0 or candidate_seconds <= 0:
        raise ValueError("a run takes more than 0 seconds")
    saved_seconds = baseline_seconds - candidate_seconds
    if saved_seconds <= 0:
        return None
    return max(0.0, extra_seconds) / saved_seconds
