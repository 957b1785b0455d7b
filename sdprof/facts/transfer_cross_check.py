"""Two witnesses of the same loop on a GPU: what was watched while it ran, and the trace that was recorded of it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import PurePosixPath

from sdprof.model import Location, TransferProfile, TransferSite

Place = tuple[str, str, str]
"""Kind, file name and function: as much as a trace and a stack have in common."""
MOST_PLACES = 8


def cross_check(watched: TransferProfile, recorded: TransferProfile) -> tuple[str, ...]:
    """What the two disagree on inside the loop, one sentence each; one sentence that says so where they agree.

    The two come from different runs, which may have different numbers of steps: rounded counts per step are compared. A
    trace names the function that was running and not its line, so that places are compared by function.

    :param watched: from the stacks of a live run: operators that copy, and sync debug mode's warnings.
    :param recorded: from the memcpy events and waiting calls of a trace.
    """
    seen, traced = _per_step(watched), _per_step(recorded)
    differing = sorted(place for place in seen.keys() | traced.keys() if _differ(seen[place], traced[place]))
    if not differing:
        return ("The trace's copies and waits agree with those that were watched, function by function.",)
    notes = [
        f"{kind} in {function or 'unknown code'} ({file or 'no file'}): {seen[kind, file, function]:.3g} a step were "
        f"watched, {traced[kind, file, function]:.3g} a step are in the trace."
        for kind, file, function in differing[:MOST_PLACES]
    ]
    if len(differing) > MOST_PLACES:
        notes.append(f"The two differ in {len(differing) - MOST_PLACES} more functions.")
    return tuple(notes)


def _differ(one: float, other: float) -> bool:
    return round(one, 2) != round(other, 2)


def _per_step(profile: TransferProfile) -> defaultdict[Place, float]:
    counts: defaultdict[Place, float] = defaultdict(float)
    for site in profile.sites:
        if site.in_loop:
            counts[_place(site)] += site.count / profile.steps
    return counts


def _place(site: TransferSite) -> Place:
    # A live run names the user's expression first and the library's frames as callers; a trace the innermost of both.
    innermost: Location = site.callers[0] if site.callers and _is_library(site.callers[0]) else site.where
    return site.kind, PurePosixPath(innermost.file).name, innermost.function.rpartition(".")[2]


def _is_library(where: Location) -> bool:
    return "site-packages" in PurePosixPath(where.file).parts
