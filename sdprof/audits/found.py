"""How an audit states a finding: from its metadata, so that no audit repeats its own name."""

from __future__ import annotations

from typing import Any

from sdprof.model import AuditMeta, Cost, Finding, Location, Severity


def found(
    meta: AuditMeta,
    *,
    locations: tuple[Location, ...] = (),
    evidence: dict[str, Any] | None = None,
    explanation: str = "",
    count_per_step: float | None = None,
    cost: Cost | None = None,
    region: str = "",
    severity: Severity | None = None,
    title: str | None = None,
) -> Finding:
    """An open finding of this audit."""
    return Finding(
        id=meta.id,
        title=title or meta.title,
        severity=severity or meta.severity,
        status="open",
        region=region,
        count_per_step=count_per_step,
        locations=locations,
        evidence=evidence or {},
        explanation=explanation,
        cost=cost,
        fixes=meta.fixes,
    )
