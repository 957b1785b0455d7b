"""Profilers that ran and saw nothing: silence must not pass for a clean bill."""

from __future__ import annotations

from collections.abc import Iterator

from sdprof.audits.found import found
from sdprof.facts.facts import Facts
from sdprof.model import AuditMeta, Finding

META = AuditMeta(
    id="empty-profile",
    title="A profiler ran and recorded nothing",
    passed="Every profiler that ran recorded something",
    needs=(),
    severity="low",
)


def audit(facts: Facts) -> Iterator[Finding]:
    """One finding per profiler that ran without recording anything."""
    for profiler, count in facts.recorded().items():
        if count == 0:
            yield found(META, evidence={"profiler": profiler.name}, explanation="What it would have shown is unknown.")
