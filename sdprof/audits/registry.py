"""All audits, found by their files; and those that other packages add."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import sdprof.audits
from sdprof.extensions import extension_modules, unusable
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding, Missing

NOT_AUDITS = frozenset({"found", "loop_share", "registry", "transfer_finding"})


@dataclass(frozen=True)
class Audit:
    """A rule with its metadata."""

    meta: AuditMeta
    audit: Callable[[Facts], Iterator[Finding]]


def all_audits() -> tuple[Audit, ...]:
    """Every audit, by id; those of other packages after sdprof's own."""
    names = sorted(module.name for module in pkgutil.iter_modules(sdprof.audits.__path__))
    modules = [importlib.import_module(f"sdprof.audits.{name}") for name in names if name not in NOT_AUDITS]
    own = tuple(Audit(module.META, module.audit) for module in modules)
    return (*own, *_added(frozenset(audit.meta.id for audit in own)))


@cache
def _added(taken: frozenset[str]) -> tuple[Audit, ...]:
    added: dict[str, Audit] = {}
    for name, module in extension_modules("sdprof.audits").items():
        meta, audit = getattr(module, "META", None), getattr(module, "audit", None)
        if not isinstance(meta, AuditMeta) or not callable(audit):
            unusable(name, "sdprof.audits", f"{module.__name__} needs META, an AuditMeta, and a function audit")
        elif meta.id in taken or meta.id in added:
            unusable(name, "sdprof.audits", f"there is an audit {meta.id} already")
        else:
            added[meta.id] = Audit(meta, audit)
    return tuple(added.values())


def run_audits(facts: Facts, audits: tuple[Audit, ...]) -> tuple[tuple[Finding, ...], tuple[Missing, ...]]:
    """Run the audits whose facts are there.

    :return: the findings (a clean pass is one too, with the status "passed"), the costliest first; and the audits that
        could not run, with what they lack.
    """
    findings: list[Finding] = []
    missing: list[Missing] = []
    for audit in audits:
        absent = facts.absent(audit.meta.needs)
        if absent:
            missing.append(Missing(section=f"audit {audit.meta.id}", reason=f"It needs {' and '.join(absent)}."))
            continue
        found = list(audit.audit(facts))
        findings += found or [_passed(audit.meta)]
    return tuple(sorted(findings, key=_rank)), tuple(missing)


def _passed(meta: AuditMeta) -> Finding:
    return Finding(id=meta.id, title=meta.passed, severity="info", status="passed")


def _rank(finding: Finding) -> tuple[int, int, float]:
    severities = {"high": 0, "medium": 1, "low": 2, "info": 3}
    cost = finding.cost.predicted_ms_per_step if finding.cost and finding.cost.predicted_ms_per_step else 0.0
    return (finding.status == "passed", severities[finding.severity], -cost)
