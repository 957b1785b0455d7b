"""Copies from or to memory that the GPU cannot read by itself."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.transfer_finding import transfer_finding
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding, TransferSite

META = AuditMeta(
    id="pageable-copy",
    title="A copy in the loop goes through pageable memory",
    passed="No copy of size in the loop goes through pageable memory",
    needs=("copy_memory",),
    severity="medium",
)
STAGED_BYTES = 64 * 1024
"""Up to here a copy to the device goes with the command itself and does not wait (CUDA Runtime API, "API
synchronization behavior": transfers of 64 KB or less)."""

STAGED = "The driver copies it to a page-locked buffer first, and the host waits for that; nothing runs beside it."
BLOCKS = "It was asked not to block, and pageable memory makes it block."
CURE = (
    "Keep the host's side in page-locked memory (tensor.pin_memory(), DataLoader(pin_memory=True), torch.empty(…, "
    "pin_memory=True) for results) and pass non_blocking=True."
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per expression: large copies, and those that are asked not to block and do all the same."""
    profile = facts.copy_memory
    assert profile is not None
    for site in profile.sites:
        if site.kind != "SYNC" and site.in_loop and site.pinned is False and (_is_large(site) or site.non_blocking):
            yield transfer_finding(META, site, profile, f"{BLOCKS if site.non_blocking else STAGED} {CURE}")


def _is_large(site: TransferSite) -> bool:
    return site.bytes / site.count > STAGED_BYTES
