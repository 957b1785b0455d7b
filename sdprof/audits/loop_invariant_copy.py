"""Copies that move the same bytes at every visit."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.transfer_finding import transfer_finding
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="loop-invariant-copy",
    title="The same bytes are copied to the device again and again",
    passed="No copy inside the loop moves the same bytes twice",
    needs=("copy_contents",),
    severity="medium",
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per expression. Evidence is the equality of a hash of the content over all visits of one run."""
    assert facts.copy_contents is not None
    for site in facts.copy_contents.sites:
        if site.kind == "H2D" and site.in_loop and site.identical_content:
            yield transfer_finding(
                META,
                site,
                facts.copy_contents,
                "Copy it once before the loop, or make it on the device: its content did not change in this run.",
            )
