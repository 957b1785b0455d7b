"""Which fixes there are. Nothing here imports torch: the parent lists fixes, the child applies them."""

from __future__ import annotations

import difflib
import importlib
import itertools
import pkgutil
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Protocol, cast

import sdprof.fixes
from sdprof.fixes.source.registry import all_rewrites
from sdprof.model import FixMeta

if TYPE_CHECKING:
    from sdprof.fixes.subject import Subject

NOT_FIXES = frozenset({"apply", "declined", "registry", "subject"})
"""Files of this folder that are no fix; what fixes are built from lies in folders."""


class FixModule(Protocol):
    """What a file of this folder holds."""

    META: FixMeta

    def apply(self, subject: Subject) -> tuple[str, ...]:
        """Change the subject in place and say what was done; raise ``DeclinedError`` having changed nothing."""
        ...


class FixSelectionError(ValueError):
    """A set of fixes cannot be applied together: one sentence that says why and what to do."""


@cache
def all_fixes() -> tuple[FixMeta, ...]:
    """Every fix, in the order in which fixes act: rewritten source is what the others act on."""
    names = (module.name for module in pkgutil.iter_modules(sdprof.fixes.__path__) if not module.ispkg)
    metas = (_load(name).META for name in names if name not in NOT_FIXES)
    return (*all_rewrites(), *sorted(metas, key=lambda meta: (meta.order, meta.id)))


def fix_meta(fix_id: str) -> FixMeta:
    """What a fix says of itself.

    :raises FixSelectionError: there is no such fix; the sentence lists the nearest names.
    """
    known = {meta.id: meta for meta in all_fixes()}
    if fix_id not in known:
        near = difflib.get_close_matches(fix_id, known, n=3, cutoff=0.5)
        advice = f"did you mean {', '.join(near)}?" if near else "`sdprof fixes` lists what there is"
        raise FixSelectionError(f"There is no fix {fix_id!r}: {advice}")
    return known[fix_id]


def fix_module(fix_id: str) -> FixModule:
    """The file of one module or runtime fix; those that rewrite source are asked by ``source.registry.propose``.

    :raises FixSelectionError: there is no such fix; the sentence lists the nearest names.
    """
    return _load(fix_meta(fix_id).id.replace("-", "_"))


def in_order(fix_ids: Iterable[str]) -> tuple[FixMeta, ...]:
    """The fixes named, in the order in which they act.

    :raises FixSelectionError: an unknown id, two fixes that exclude each other, or one whose requirement is not there.
    """
    named = {fix_meta(fix_id) for fix_id in fix_ids}
    metas = sorted(named, key=lambda meta: (meta.kind != "source", meta.order, meta.id))
    chosen = {meta.id for meta in metas}
    for meta in metas:
        missing = [needed for needed in meta.requires if needed not in chosen]
        if missing:
            raise FixSelectionError(
                f"{meta.id} works only together with {', '.join(missing)}: add it, or drop {meta.id}"
            )
    for one, other in itertools.combinations(metas, 2):
        if one.excludes_or_is_excluded_by(other):
            raise FixSelectionError(f"{one.id} and {other.id} exclude each other: keep one of them")
    return tuple(metas)


def _load(name: str) -> FixModule:
    return cast(FixModule, importlib.import_module(f"sdprof.fixes.{name}"))
