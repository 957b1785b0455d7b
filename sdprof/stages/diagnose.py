"""From artifacts to findings."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from sdprof.audits.registry import all_audits, run_audits
from sdprof.facts.facts import Facts
from sdprof.facts.read_facts import ArtifactError, read_facts
from sdprof.facts.relocate import Relocation
from sdprof.model import Finding, Missing, Peaks
from sdprof.run_folder import RunFolder
from sdprof.stages.variant_overlays import read_overlay


@dataclass(frozen=True)
class Diagnosed:
    """What is known of a variant, and what is wrong with it."""

    facts: Facts
    findings: tuple[Finding, ...]
    missing: tuple[Missing, ...]


def diagnose(folder: RunFolder, variant: str, *, peaks: Peaks | None = None) -> Diagnosed:
    """Read a variant's artifacts and run every audit on them."""
    try:
        facts = _of_the_users_files(read_facts(folder.artifacts(variant), peaks=peaks), folder.artifacts(variant))
    except ArtifactError as error:
        return Diagnosed(Facts(), (), (Missing(section="Findings", reason=str(error)),))
    findings, missing = run_audits(facts, all_audits())
    return Diagnosed(facts, findings, (*facts.gaps, *missing))


def _of_the_users_files(facts: Facts, artifacts: Path) -> Facts:
    """Facts of a variant that ran as rewritten copies, with places in the files that they stand for."""
    try:
        relocation = Relocation.read(read_overlay(artifacts))
    except OSError as error:
        raise ArtifactError(f"{error.filename} is gone, so nothing that was seen of its copy can be placed.") from None
    fields = {field.name: relocation.relocated(getattr(facts, field.name)) for field in dataclasses.fields(facts)}
    return dataclasses.replace(facts, **fields)
