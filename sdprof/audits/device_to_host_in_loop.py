"""Tensors that are copied back to the host while the loop runs."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.transfer_finding import transfer_finding
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="device-to-host-in-loop",
    title="A tensor is copied from device to host inside the sampling loop",
    passed="No device-to-host copy inside the sampling loop",
    needs=("transfers",),
    severity="high",
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per expression."""
    assert facts.transfers is not None
    for site in facts.transfers.sites:
        if site.kind == "D2H" and site.in_loop:
            yield transfer_finding(
                META,
                site,
                facts.transfers,
                "The host waits until the device has done all that was queued, and the device runs dry while the host "
                "queues anew. Keep the value on the device, or collect and copy once behind the loop.",
            )
