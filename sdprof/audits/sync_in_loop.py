"""Expressions that make the host wait for the device in every step."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.transfer_finding import transfer_finding
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="sync-in-loop",
    title="The host waits for the device inside the sampling loop",
    passed="The host never waits for the device inside the sampling loop",
    needs=("transfers",),
    severity="high",
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per expression."""
    assert facts.transfers is not None
    for site in facts.transfers.sites:
        if site.kind == "SYNC" and site.in_loop:
            yield transfer_finding(
                META,
                site,
                facts.transfers,
                "A number or a size that only the device knows is needed on the host: the queue runs empty. Keep the "
                "value as a tensor on the device, or have it on the host from the start.",
            )
