"""Tensors that are made on the host in every step, only to be moved to the device."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from sdprof.audits.transfer_finding import transfer_finding
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="cpu-created-then-moved",
    title="A tensor is made on the host in the loop and then moved to the device",
    passed="No tensor is made on the host in the loop and then moved",
    needs=("copy_origins",),
    severity="medium",
)

LIFT = "aten::lift_fresh"
"""How PyTorch announces what ``torch.tensor(data)`` made."""
BY_FACTORY = "Nothing but numbers went into it, so the device could have made it: give the factory device=…."
FROM_DATA = (
    "It is filled from Python data on the host. Make what does not change once before the loop; for a number, "
    "torch.full(size, number, device=…) sends it along with the launch."
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per copying expression; the place where the tensor is made comes behind it."""
    profile = facts.copy_origins
    assert profile is not None
    for site in profile.sites:
        if site.kind == "H2D" and site.in_loop and site.made_at is not None:
            finding = transfer_finding(
                META,
                site,
                profile,
                FROM_DATA if site.made_by == LIFT else BY_FACTORY,
            )
            yield msgspec.structs.replace(
                finding,
                locations=tuple(dict.fromkeys((site.where, site.made_at, *site.callers[:2]))),
                evidence={"made_by": site.made_by, **finding.evidence},
            )
