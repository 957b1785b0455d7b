"""How collectors, audits and fixes introduce themselves: static data that can be listed without running anything."""

from __future__ import annotations

from typing import Literal

import msgspec

Severity = Literal["high", "medium", "low", "info"]
Numerics = Literal["exact", "rounding", "lossy"]
FixKind = Literal["source", "module", "runtime"]


class CollectorMeta(msgspec.Struct, frozen=True, kw_only=True):
    """A collector watches one run and leaves one artifact."""

    id: str
    title: str
    artifact: str
    """File name of the artifact in the variant's folder."""
    eager_only: bool = False
    """True where what it sees of compiled code would be silently wrong or empty."""


class AuditMeta(msgspec.Struct, frozen=True, kw_only=True):
    """A rule: one thing that can be wrong with a sampling loop."""

    id: str
    title: str
    """What is wrong, as a sentence: the headline of a finding."""
    passed: str
    """The headline when nothing was found."""
    needs: tuple[str, ...]
    """Names of the facts that it reads; where one is missing the audit is listed as missing, never as passed."""
    severity: Severity = "medium"
    fixes: tuple[str, ...] = ()
    """Ids of the fixes that remove it."""


class FixMeta(msgspec.Struct, frozen=True, kw_only=True):
    """A cure, and what it does to the numbers."""

    id: str
    title: str
    kind: FixKind
    numerics: Numerics
    """exact: the same bits. rounding: the same formula in another order or precision. lossy: another result; never
    applied unasked."""
    removes: tuple[str, ...] = ()
    """Ids of the audits whose findings it removes."""
    group: str | None = None
    """Fixes of one group exclude each other: the plan takes one of them at most."""
    excludes: tuple[str, ...] = ()
    """Ids of fixes beside which it does nothing: the plan takes none of them together with it."""
    requires: tuple[str, ...] = ()
    """Ids of fixes that must be there too."""
    devices: tuple[str, ...] = ("cpu", "cuda")
    """Device types on which it can act."""
    compiles: bool = False
    """True where the first run pays for a compilation."""
    least_budget_seconds_on_cpu: float = 0
    """Time for the comparison below which it is tried on a CPU only where the user names it: for what costs minutes
    there, or repeats what another fix of its group does."""
    order: int = 50
    """Where several fixes act on one workload, the lower number acts first (modules are swapped before they are
    compiled)."""

    def excludes_or_is_excluded_by(self, other: FixMeta) -> bool:
        """Whether the two cannot be applied together: they are of one group, or one of them says so."""
        of_one_group = self.group is not None and self.group == other.group
        return self.id != other.id and (of_one_group or self.id in other.excludes or other.id in self.excludes)
