"""Apply a set of module and runtime fixes to a built workload."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.registry import fix_module, in_order

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject


class AppliedFix(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one fix on one subject."""

    id: str
    did: tuple[str, ...] = ()
    """What it changed, a sentence each."""
    declined: str = ""
    """Why it did not act; empty where it did."""
    compiles: bool = False
    """True where it acted and the first run pays for a compilation."""


def apply_fixes(subject: Subject, fix_ids: Iterable[str]) -> tuple[AppliedFix, ...]:
    """Apply the module and runtime fixes of a set, each in its turn; those that rewrite source act elsewhere.

    A fix that declines has changed nothing, and the others go on. Any other exception leaves the subject half changed:
    the worker that holds it is to be thrown away.

    :raises FixSelectionError: the set names an unknown fix, or fixes that exclude each other.
    """
    results: list[AppliedFix] = []
    for meta in in_order(fix_ids):
        if meta.kind == "source":
            continue
        if subject.device.type not in meta.devices:
            reason = f"{meta.id} acts on {' and '.join(meta.devices)} only, and this runs on {subject.device.type}"
            results.append(AppliedFix(id=meta.id, declined=reason))
            continue
        try:
            did = fix_module(meta.id).apply(subject)
        except DeclinedError as declined:
            results.append(AppliedFix(id=meta.id, declined=str(declined)))
        else:
            results.append(AppliedFix(id=meta.id, did=did, compiles=meta.compiles))
    return tuple(results)
