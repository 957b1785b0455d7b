"""Which of the missing sections explains an empty place in a report."""

from __future__ import annotations

from sdprof.model import AuditResult, Missing


def gaps_about(result: AuditResult, *words: str) -> tuple[Missing, ...]:
    """Missing sections whose name holds one of the words; audits that could not run for want of data are left out."""
    return tuple(
        gap
        for gap in result.missing
        if not gap.section.startswith("audit ") and any(word in gap.section.lower() for word in words)
    )
