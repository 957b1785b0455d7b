"""What a second run copies before its loop, told at the sites of the first."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from sdprof.facts.transfer_change import place_of
from sdprof.model import Location, TransferProfile, TransferSite


def with_next_setup(profile: TransferProfile, next_setup: TransferProfile | None) -> TransferProfile:
    """The profile of one run, its sites before the loop with their visits in the next run.

    :param next_setup: the sites before the loop of a later run in the same process; None where none was watched.
    """
    if next_setup is None:
        return profile
    again = Counter[tuple[str, Location]]()
    for site in next_setup.sites:
        again[site.kind, place_of(site)] += site.count
    return replace(profile, sites=tuple(_counted(site, again) for site in profile.sites))


def _counted(site: TransferSite, again: Counter[tuple[str, Location]]) -> TransferSite:
    return replace(site, count_in_next_run=again[site.kind, place_of(site)]) if site.scope == "setup" else site
