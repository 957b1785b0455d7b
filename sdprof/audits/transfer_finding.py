"""How the audits of copies and waits state a finding: one per expression, with what is known of it."""

from __future__ import annotations

from sdprof.audits.found import found
from sdprof.model import AuditMeta, Finding, TransferProfile, TransferSite

SIMULATED = "simulated, not confirmed on a GPU"


def transfer_finding(meta: AuditMeta, site: TransferSite, profile: TransferProfile, explanation: str) -> Finding:
    """A finding about one expression in the loop."""
    first_only = set(site.steps) == {0} and profile.steps > 1
    return found(
        meta,
        locations=tuple(where for where in (site.where, *site.callers[:2]) if where.file),
        count_per_step=site.count / profile.steps,
        severity="low" if first_only else None,
        evidence={
            "operator": site.op,
            "count_in_loop": site.count,
            "steps": f"{len(site.steps)} of {profile.steps}" + (", the first alone" if first_only else ""),
            "bytes_per_visit": round(site.bytes / site.count),
            "content": ("the same at every visit" if site.identical_content else "changes, or was seen once")
            if profile.contents_known
            else None,
            "pinned": site.pinned if site.kind != "SYNC" else None,
            "device": SIMULATED if profile.device == "simulated" else "cuda",
        },
        explanation=explanation,
    )
