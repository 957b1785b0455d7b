"""Apply fixes to a subject, in their order."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject


@dataclass(frozen=True)
class AppliedFix:
    """What became of one fix: ``declined`` holds the reason where it would not act."""

    id: str
    did: tuple[str, ...] = ()
    declined: str = ""
    compiles: bool = False


def apply_fixes(subject: Subject, ids: tuple[str, ...]) -> tuple[AppliedFix, ...]:
    """Apply fixes in the order that their metadata asks for."""
    from sdprof.fixes.subject import DeclinedError

    modules = [importlib.import_module(f"sdprof.fixes.{fix.replace('-', '_')}") for fix in ids]
    applied = []
    for module in sorted(modules, key=lambda module: module.META.order):
        try:
            did = module.apply(subject)
        except DeclinedError as reason:
            applied.append(AppliedFix(module.META.id, declined=str(reason)))
        else:
            applied.append(AppliedFix(module.META.id, did, compiles=module.META.compiles))
    return tuple(applied)
