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
    recorded = {
        "line_profiler": facts.lines and sum(len(function.lines) for function in facts.lines.functions),
        "py-spy": facts.stacks and facts.stacks.samples,
        "operator census": facts.operators and len(facts.operators.sites),
        "module calls": facts.modules and len(facts.modules.modules),
        "torch.profiler": facts.trace and facts.trace.cpu_operators + facts.trace.gpu_events,
        "TorchDynamo": facts.graphs and len(facts.graphs.regions),
    }
    for profiler, count in recorded.items():
        if count == 0:
            yield found(META, evidence={"profiler": profiler}, explanation="What it would have shown is unknown.")
