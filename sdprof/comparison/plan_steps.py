"""Which fixes may take part in a plan, and what each of them brings along."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from sdprof.comparison.plan_structs import VariantRequest
from sdprof.model import FixMeta


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A fix with everything that it requires: what is added to a set in one go."""

    fix: str
    fixes: frozenset[str]
    compiles: bool


def steps_of(fixes: Sequence[FixMeta], lossy_allowed: Collection[str]) -> tuple[dict[str, Step], dict[str, str]]:
    """(steps by fix id, reasons by fix id): every fix is in one of the two.

    Left out are lossy fixes that nobody asked for, fixes that require what is not offered or not allowed, and fixes
    whose requirements exclude each other.

    :raises ValueError: where two fixes have the same id.
    """
    offered = {fix.id: fix for fix in fixes}
    if len(offered) != len(fixes):
        raise ValueError("two fixes have the same id")
    steps: dict[str, Step] = {}
    reasons: dict[str, str] = {}
    for fix in fixes:
        needed = _with_requirements(fix.id, offered)
        reason = _refused(fix, needed, offered, lossy_allowed)
        if reason:
            reasons[fix.id] = reason
        else:
            compiles = any(offered[each].compiles for each in needed)
            steps[fix.id] = Step(fix=fix.id, fixes=frozenset(needed), compiles=compiles)
    return steps, reasons


def twins_of(steps: Mapping[str, Step]) -> dict[str, str]:
    """Of fixes that come as one, because each requires the others: all but the first, with that first one."""
    first: dict[frozenset[str], str] = {}
    return {fix: first[step.fixes] for fix, step in steps.items() if first.setdefault(step.fixes, fix) != fix}


def variant_of(fixes: Collection[str], offered: Mapping[str, FixMeta]) -> VariantRequest:
    """The variant of a set: the same set always has the same id, whatever way the search came to it."""
    ordered = sorted(fixes, key=lambda each: (offered[each].order, each))
    return VariantRequest(id="+".join(ordered), fixes=tuple(ordered))


def excluding_pair(offered: Mapping[str, FixMeta], fixes: Iterable[str]) -> tuple[str, str] | None:
    """Two fixes of the set that exclude each other, being of one group or saying so, or None."""
    pairs = itertools.combinations((offered[fix] for fix in fixes), 2)
    return next(((one.id, other.id) for one, other in pairs if one.excludes_or_is_excluded_by(other)), None)


def _with_requirements(fix: str, offered: Mapping[str, FixMeta]) -> list[str]:
    """The fix and all that it requires, directly or not; ids that are not offered among them."""
    needed, unseen = list[str](), [fix]
    while unseen:
        each = unseen.pop(0)
        if each not in needed:
            needed.append(each)
            unseen.extend(offered[each].requires if each in offered else ())
    return needed


def _refused(
    fix: FixMeta, needed: Sequence[str], offered: Mapping[str, FixMeta], lossy_allowed: Collection[str]
) -> str:
    for each in needed:
        if each not in offered:
            return f"needs {each}, which is not to be had here"
        if offered[each].numerics == "lossy" and each not in lossy_allowed:
            return "lossy, and not asked for" if each == fix.id else f"needs {each}, which is lossy and not asked for"
    excluded = excluding_pair(offered, needed)
    return f"needs {excluded[0]} and {excluded[1]}, which exclude each other" if excluded else ""
