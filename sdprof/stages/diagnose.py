"""From artifacts to findings."""

from __future__ import annotations

from dataclasses import dataclass

from sdprof.audits.registry import all_audits, run_audits
from sdprof.facts.facts import Facts
from sdprof.facts.read_facts import ArtifactError, read_facts
from sdprof.model import Finding, Missing, Peaks
from sdprof.run_folder import RunFolder


@dataclass(frozen=True)
class Diagnosed:
    """What is known of a variant, and what is wrong with it."""

    facts: Facts
    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...]


def diagnose(folder: RunFolder, variant: str, *, peaks: Peaks | None = None) -> Diagnosed:
    """Read a variant's artifacts and run every audit on them."""
    try:
        facts = read_facts(folder.artifacts(variant), peaks=peaks)
    except ArtifactError as error:
        return Diagnosed(Facts(), (), (Missing(section="Findings", reason=str(error)),))
    findings, missing = run_audits(facts, all_audits())
    return Diagnosed(facts, findings, missing)
