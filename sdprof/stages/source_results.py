"""What to say of source fixes and of the findings that they rewrote: site by site, not rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sdprof.facts.graph_regions import only_with_grad
from sdprof.model import Finding, FindingStatus, FixResult, FixRewrites, Location, RewriteProof, RewrittenSite

if TYPE_CHECKING:
    from sdprof.stages.offer import Offer

TRANSFER_FINDINGS = frozenset(
    {
        "cpu-created-then-moved",
        "device-to-host-in-loop",
        "host-to-device-in-loop",
        "loop-invariant-copy",
        "pageable-copy",
        "repeated-copy-outside-loop",
        "sync-in-loop",
        "unoverlapped-copy",
    }
)
"""Several audits speak of one copy or wait: a rewrite that takes it out of the loop removes what all of them found."""


def told_of_source(fix: FixResult, did: FixRewrites, offered: Offer | None) -> FixResult:
    """The result of a source fix, with its sites, its proof, and whether the patch has it."""
    in_patch = offered is not None and fix.id in offered.fixes
    rewrites = msgspec.structs.replace(did, in_patch=in_patch)
    if in_patch and did.proof is None and offered is not None and offered.patch is not None:
        rewrites = msgspec.structs.replace(rewrites, proof=offered.patch.proof, proven_together=True)
    reason = fix.reason
    if in_patch and not fix.applied:
        reason = f"{_proven(rewrites)}. {_no_gain(rewrites.proof)} {reason}."
    elif offered is not None and fix.id in offered.reasons:
        reason = f"{offered.reasons[fix.id].rstrip('.')}. {reason}."
    did_sentences = tuple(dict.fromkeys(site.description for site in did.sites if site.description))
    return msgspec.structs.replace(fix, rewrites=rewrites, reason=reason.replace("..", "."), did=did_sentences)


def cures(fix: FixResult, finding: Finding) -> bool:
    """Whether a fix is meant for this finding.

    One that rewrites source is, for the expressions that it rewrote, or else declined to.
    """
    named = fix.id in finding.fixes or finding.id in fix.removes
    if fix.kind != "source" or fix.rewrites is None:
        return named
    of_transfers = finding.id in TRANSFER_FINDINGS and bool(TRANSFER_FINDINGS & set(fix.removes))
    return bool(_sites_at(fix, finding)) and (named or of_transfers)


def as_seen_from(finding: Finding, fix: FixResult) -> FixResult:
    """A fix of source did nothing for a finding whose expressions it declined to rewrite, whatever it did elsewhere."""
    if fix.kind != "source" or _rewritten_places(fix, finding):
        return fix
    declined = "; ".join(dict.fromkeys(site.declined for site in _sites_at(fix, finding) if site.declined))
    return msgspec.structs.replace(fix, applied=False, gain=None, reason=declined or fix.reason)


def status_of_rewritten(
    finding: Finding, fixes: tuple[FixResult, ...], in_patched: tuple[Finding, ...] | None
) -> tuple[FindingStatus, str] | None:
    """Status and reason of a finding that is gone, or was rewritten and is still there, in the loop with the patch.

    A fix may remove it at another place: a table is made a tensor where it is filled, and the graph breaks where it is
    read. None where nothing can be said: there is no patch, the audit could not look at it, or it looked without grad
    for what is seen with grad alone.
    """
    patched = [fix for fix in fixes if fix.rewrites is not None and fix.rewrites.in_patch]
    looked = [other for other in in_patched or () if other.id == finding.id]
    if not patched or not looked or not finding.locations or only_with_grad(finding.region):
        return None
    rewrote = [fix for fix in patched if cures(fix, finding) and _rewritten_places(fix, finding)]
    places = [place for fix in rewrote for place in _rewritten_places(fix, finding)] or list(finding.locations)
    seen_again = any(_seen_at(places, other) for other in looked if other.status == "open")
    if seen_again:
        return ("open", f"{_names(rewrote)} rewrote it, and it was seen again.") if rewrote else None
    meant = [fix for fix in patched if finding.id in fix.removes]
    removing = rewrote or meant or patched
    if any(fix.applied for fix in removing):
        if rewrote:
            return "fixed", f"{_names(rewrote)} is part of the plan, and the finding was not seen again."
        who = _names(meant) if meant else "The patch"
        return "fixed", f"{who} rewrote other lines, and the finding was not seen again."
    told = next(fix.rewrites for fix in removing if fix.rewrites is not None)
    return "hidden", f"{_names(removing)} removes it. {_proven(told)}. {_no_gain(told.proof)}"


def _names(fixes: list[FixResult]) -> str:
    return ", ".join(fix.id for fix in fixes)


def _proven(did: FixRewrites) -> str:
    proof = did.proof
    if proof is None:
        return "Proven equal"
    where = "the simulated device" if proof.device == "simulated" else "the device"
    same = "the same bits" if proof.equal else f"equal within rounding ({proof.max_rel_diff:.1e})"
    counts = f"copies and waits in the loop {proof.before.total} to {proof.after.total} on {where}"
    confirm = ", to be confirmed on a GPU" if proof.to_confirm else ""
    together = " (with the other fixes of the patch)" if did.proven_together else ""
    return f"Proven{together}: {counts}, output {same}{confirm}"


def _no_gain(proof: RewriteProof | None) -> str:
    """Why a proven fix is offered although no gain was shown."""
    if proof is not None and proof.device == "simulated" and proof.after.total < proof.before.total:
        return "It is in patch.diff; what it gains on a GPU is not measurable on this machine."
    return "It is in patch.diff; no time was gained here."


def _rewritten_places(fix: FixResult, finding: Finding) -> list[Location]:
    """Which of a finding's places, a library's or the user's, the fix rewrote."""
    sites = fix.rewrites.sites if fix.rewrites is not None else ()
    return [where for where in finding.locations if any(site.file and _same_place(site.where, where) for site in sites)]


def _sites_at(fix: FixResult, finding: Finding) -> list[RewrittenSite]:
    """What a fix said to a finding's expressions, rewritten or declined."""
    sites = fix.rewrites.sites if fix.rewrites is not None else ()
    return [site for site in sites if any(_same_place(site.where, where) for where in finding.locations)]


def _seen_at(places: list[Location], other: Finding) -> bool:
    return any(_same_lines(place, where) for place in places for where in other.locations)


def _same_place(one: Location, two: Location) -> bool:
    """The same expression; where one of the two is known by its line alone, the same lines."""
    if one.column is None or two.column is None:
        return _same_lines(one, two)
    return (one.file, one.line, one.column) == (two.file, two.line, two.column)


def _same_lines(one: Location, two: Location) -> bool:
    return one.file == two.file and one.line <= (two.end_line or two.line) and two.line <= (one.end_line or one.line)
