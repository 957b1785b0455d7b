"""What became of the copies and waits of a loop when its source was rewritten: over the whole loop, not one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from sdprof.model import OUTSIDE, Location, LoopTransfers, TransferProfile, TransferSite


def loop_transfers(profile: TransferProfile) -> LoopTransfers:
    """Copies and waits inside the loop."""
    sites = [site for site in profile.sites if site.in_loop]
    counts = Counter[str]()
    for site in sites:
        counts[site.kind] += site.count
    return LoopTransfers(
        steps=profile.steps,
        h2d=counts["H2D"],
        d2h=counts["D2H"],
        sync=counts["SYNC"],
        after_first_step=sum(site.count for site in sites if repeats(site)),
    )


def repeats(site: TransferSite) -> bool:
    """Whether a site in the loop was seen in a later step than the first."""
    return site.in_loop and any(step > 0 for step in site.steps)


def _repeats_as(where: Location, before: TransferProfile) -> Callable[[TransferSite], bool]:
    """What counts as happening again at a place: of what many steps did, not what one step alone does.

    A step function that is one of several in turn comes first in a later step than the first one of the loop, and a
    table that is kept is copied then; by each of the modules, where a file is loaded under several names.
    """
    steps = {step for site in before.sites if place_of(site) == where for step in site.steps}
    return (lambda site: repeats(site) and 2 * len(site.steps) > len(steps)) if len(steps) > 1 else repeats


def recurs_outside(site: TransferSite) -> bool:
    """Whether a site was seen several times before the loop or behind it; not what the first run alone did, once."""
    count = site.count if site.count_in_next_run is None else site.count_in_next_run
    return site.scope in OUTSIDE and count > 1


def staying(cured: Iterable[Location], before: TransferProfile, after: TransferProfile) -> tuple[Location, ...]:
    """Of the sites that were rewritten, those whose lines still copy or wait again and again as others do not explain.

    :param cured: places of sites of ``before``.
    :param after: with all places mapped back to the original files.
    """
    cured = tuple(cured)
    outside = {place_of(site) for site in before.sites if not site.in_loop} - {
        place_of(site) for site in before.sites if site.in_loop
    }
    stays: list[Location] = []
    for where in cured:
        # What is copied behind the loop instead of in it may be copied there several times.
        again = recurs_outside if where in outside else _repeats_as(where, before)
        lines = _lines(where)
        expected = sum(
            site.count
            for site in before.sites
            if again(site) and place_of(site) not in cured and _touches(place_of(site), where.file, lines)
        )
        seen = sum(site.count for site in after.sites if again(site) and _touches(place_of(site), where.file, lines))
        if seen > expected:
            stays.append(where)
    return tuple(stays)


def moved(before: TransferProfile, after: TransferProfile) -> str:
    """Where a copy or wait appeared that was not there before, as one sentence; empty where there is none.

    What the first step alone does, as a table that is copied when it is first asked for, may take the place of what
    every step did: then the loop copies and waits less often in all.

    :param after: with all places mapped back to the original files.
    """
    for kind in ("H2D", "D2H", "SYNC"):
        fewer = loop_transfers(after).total <= loop_transfers(before).total and before.steps > 1
        old, new = _in_loop(before, kind, recurring=fewer), _in_loop(after, kind, recurring=fewer)
        count, now = (sum(site.count for site in sites) for sites in (old, new))
        if now > count:
            return f"{now} {kind} in the loop where {count} were before{_newcomer(old, new)}"
    return ""


def _newcomer(before: Sequence[TransferSite], after: Sequence[TransferSite]) -> str:
    known = Counter({(place_of(site).file, place_of(site).line): site.count for site in before})
    for site in after:
        place = place_of(site)
        if site.count > known[place.file, place.line]:
            return f", at {place.file}:{place.line}" if place.line else f", in what was added to {place.file}"
    return ""


def _in_loop(profile: TransferProfile, kind: str, *, recurring: bool) -> Sequence[TransferSite]:
    found = [site for site in profile.sites if site.in_loop and site.kind == kind]
    return [site for site in found if repeats(site)] if recurring else found


def place_of(site: TransferSite) -> Location:
    """The innermost expression, a library's or the user's; that of the caller where code was inserted (line 0)."""
    places = [frame.where for frame in site.stack] or [site.where, *site.callers]
    return next((place for place in places if place.line), site.where)


def _lines(where: Location) -> range:
    return range(where.line, (where.end_line or where.line) + 1)


def _touches(place: Location, file: str, lines: range) -> bool:
    own = _lines(place)
    return place.file == file and own.start < lines.stop and lines.start < own.stop
