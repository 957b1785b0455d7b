"""Fixes in reading order, and those that were never tried in one line a reason."""

from __future__ import annotations

from collections.abc import Iterable

from sdprof.model import FixResult


def in_reading_order(fixes: Iterable[FixResult]) -> tuple[FixResult, ...]:
    """Applied ones, then those that were measured, then the rest."""
    return tuple(sorted(fixes, key=lambda fix: (not fix.applied, was_not_tried(fix))))


def was_not_tried(fix: FixResult) -> bool:
    """Neither applied nor measured."""
    return not fix.applied and fix.gain is None


def not_tried(fixes: Iterable[FixResult]) -> dict[str, tuple[str, ...]]:
    """Reason to the ids of the fixes that were not tried for it."""
    reasons: dict[str, tuple[str, ...]] = {}
    for fix in fixes:
        if was_not_tried(fix):
            reasons[fix.reason] = (*reasons.get(fix.reason, ()), fix.id)
    return reasons
