"""Which rewrites there are, and what they say to a site."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache
from typing import Protocol, cast

import msgspec

import sdprof.fixes.source
from sdprof.fixes.declined import DeclinedError
from sdprof.fixes.source.edit import Declined, Edit
from sdprof.fixes.source.evidence import LOOKED_INTO, SiteEvidence
from sdprof.fixes.source.module_source import Sources
from sdprof.fixes.source.reading.frames import function_of
from sdprof.fixes.source.reading.loops import sampling_loop
from sdprof.model import FixMeta

NOT_REWRITES = frozenset({"compose", "edit", "evidence", "inserted_helpers", "module_source", "registry"})


class Rewrite(Protocol):
    """What a file of this folder holds."""

    META: FixMeta

    def rewrite(self, site: SiteEvidence, sources: Sources) -> tuple[Edit, ...]:
        """Alternatives, the one to prefer first; raise ``DeclinedError`` with the reason where there is none."""
        ...

    def concerns(self, site: SiteEvidence) -> bool:
        """Whether the rewrite has anything to say to such an event: a cheap look at its kind and operator."""
        ...


class Proposals(msgspec.Struct, frozen=True, kw_only=True):
    """What the rewrites say to one site."""

    site: SiteEvidence
    edits: tuple[Edit, ...]
    """Alternatives, the one to prefer first: where the event stays, or the output differs, try the next."""
    declined: tuple[Declined, ...]


@cache
def all_rewrites() -> tuple[FixMeta, ...]:
    """Every rewrite; of several that can cure one site, the one to prefer comes first."""
    names = (module.name for module in pkgutil.iter_modules(sdprof.fixes.source.__path__) if not module.ispkg)
    metas = (rewrite_module(name).META for name in names if name not in NOT_REWRITES)
    return tuple(sorted(metas, key=lambda meta: (meta.order, meta.id)))


def rewrite_module(fix_id: str) -> Rewrite:
    """The file of one rewrite."""
    return cast(Rewrite, importlib.import_module(f"sdprof.fixes.source.{fix_id.replace('-', '_')}"))


def propose(site: SiteEvidence, sources: Sources, fix_ids: Iterable[str] | None = None) -> Proposals:
    """Ask the rewrites (all but lossy ones, or those named) what they would do about a site."""
    chosen = None if fix_ids is None else set(fix_ids)
    edits: list[Edit] = []
    declined: list[Declined] = []
    for meta in all_rewrites():
        module = rewrite_module(meta.id)
        wanted = meta.numerics != "lossy" if chosen is None else meta.id in chosen
        if not wanted or not module.concerns(site):
            continue
        try:
            # Outside of the loop a helper keeps its copy for nothing, unless the next run or a loop around wants it.
            of_use = site.scope == "in_loop" or site.in_each_run or _in_loop_around(site, sources)
            edits += [edit for edit in module.rewrite(site, sources) if of_use or not edit.helpers]
        except DeclinedError as error:
            declined.append(Declined(fix=meta.id, where=site.where, reason=str(error)))
        except Exception as error:  # noqa: BLE001 - code of a style that nobody foresaw: the others still have a say
            reason = f"The rewrite itself failed here ({type(error).__name__}: {error}): that is a fault of sdprof"
            declined.append(Declined(fix=meta.id, where=site.where, reason=reason))
    if site.kind == "H2D":  # plain code before a helper, whichever rewrite proposes it
        edits.sort(key=lambda edit: bool(edit.helpers))
    return Proposals(site=site, edits=tuple(edits), declined=tuple(declined))


def _in_loop_around(site: SiteEvidence, sources: Sources) -> bool:
    """Whether an expression that repeats stands in a loop around the one that makes the steps, as in nested loops."""
    if site.count < 2:
        return False
    for seen in site.stack[:LOOKED_INTO]:
        try:
            source = sources.of(seen.where.file)
            node = source.node_at(seen.where)
        except DeclinedError:
            return False
        if sampling_loop(source, node, seen.where.file, function_of(seen.where.function), site.loop) is not None:
            return True
    return False
