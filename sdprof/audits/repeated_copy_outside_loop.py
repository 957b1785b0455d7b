"""Copies and waits that one expression repeats before the sampling loop or behind it: images one by one, tables."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.audits.transfer_finding import SIMULATED
from sdprof.facts.facts import Facts
from sdprof.facts.transfer_change import recurs_outside
from sdprof.model import OUTSIDE, AuditMeta, Finding, Location, TransferSite

META = AuditMeta(
    id="repeated-copy-outside-loop",
    title="Copies or waits are repeated outside of the sampling loop",
    passed="No copy or wait is repeated outside of the sampling loop",
    needs=("transfers",),
    severity="low",
    fixes=("batch-device-to-host", "read-table-once", "hoist-loop-invariant"),
)
BEHIND = "The host waits for each. Put the items together on the device, and copy once."
BEFORE = "Each run does it anew. Put the tables together, or keep what does not change between runs."


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per expression that is visited more than once in each run. It is in no count per step."""
    assert facts.transfers is not None
    for site in facts.transfers.sites:
        if site.scope is not None and recurs_outside(site):
            yield found(
                META,
                region=OUTSIDE[site.scope],
                locations=tuple(where for where in (site.where, *_in_libraries(site)) if where.file),
                evidence={
                    "kind": site.kind,
                    "operator": site.op,
                    "count_per_run": site.count if site.count_in_next_run is None else site.count_in_next_run,
                    "bytes_per_visit": round(site.bytes / site.count),
                    "device": SIMULATED if facts.transfers.device == "simulated" else "cuda",
                },
                explanation=BEHIND if site.scope == "results" else BEFORE,
            )


def _in_libraries(site: TransferSite) -> list[Location]:
    """The way from the user's expression to the copy; not the callers, of which one may lead to several copies."""
    return [frame.where for frame in itertools.takewhile(lambda frame: frame.library, site.stack)]
