"""Tensors that are made on the host and copied to the device while the loop runs."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.transfer_finding import transfer_finding
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="host-to-device-in-loop",
    title="A tensor is copied from host to device inside the sampling loop",
    passed="No host-to-device copy inside the sampling loop",
    needs=("transfers",),
    severity="medium",
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per expression; copies of the same content at every visit belong to loop-invariant-copy."""
    assert facts.transfers is not None
    for site in facts.transfers.sites:
        if site.kind == "H2D" and site.in_loop and not site.identical_content:
            yield transfer_finding(
                META,
                site,
                facts.transfers,
                "From pageable memory the host stages the copy and waits for it. Make the tensor on the device, or pin "
                "it and copy it without blocking.",
            )
