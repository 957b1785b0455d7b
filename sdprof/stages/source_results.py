"""What to say of source fixes and of the findings that they rewrote: site by site, not rule by rule."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from sdprof.model import Finding, FindingStatus, FixResult, FixRewrites, Location, RewriteProof

if TYPE_CHECKING:
    from sdprof.stages.offer import Offer

NOT_MEASURABLE = "It is in patch.diff, and its gain is not measurable on this machine."


def told_of_source(fix: FixResult, did: FixRewrites, offered: Offer | None) -> FixResult:
    """The result of a source fix, with its sites, its proof, and whether the patch has it."""
    in_patch = offered is not None and fix.id in offered.fixes
    rewrites = msgspec.structs.replace(did, in_patch=in_patch)
    reason = fix.reason
    if in_patch and not fix.applied:
        reason = (
            f"{_proven(did.proof)}, and no gain could be shown by time on this machine: it is in patch.diff. {reason}."
        )
    elif not fix.applied and offered is not None and fix.id in offered.reasons:
        reason = f"{offered.reasons[fix.id].rstrip('.')}. {reason}."
    did_sentences = tuple(dict.fromkeys(site.description for site in did.sites if site.description))
    return msgspec.structs.replace(fix, rewrites=rewrites, reason=reason.replace("..", "."), did=did_sentences)


def concerns(fix: FixResult, finding: Finding) -> bool:
    """Whether a fix has anything to do with this finding: a source fix has with the sites that it was shown."""
    if fix.kind != "source" or fix.rewrites is None:
        return True
    return any(_same_place(site.where, where) for site in fix.rewrites.sites for where in finding.locations)


def status_of_rewritten(
    finding: Finding, cures: list[FixResult], in_patched: tuple[Finding, ...] | None
) -> tuple[FindingStatus, str] | None:
    """Status and reason of a finding that a source fix of the plan or of the patch rewrote; None where none did."""
    rewrote = [fix for fix in cures if fix.rewrites is not None and fix.rewrites.in_patch and _rewrote(fix, finding)]
    if not rewrote or in_patched is None:
        return None
    names = ", ".join(fix.id for fix in rewrote)
    again = [
        other for other in in_patched if other.status == "open" and other.id == finding.id and _overlap(other, finding)
    ]
    if again:
        return "open", f"{names} rewrote it, and it was seen again."
    if any(fix.applied for fix in rewrote):
        return "fixed", f"{names} is part of the plan, and the finding was not seen again."
    proof = next((fix.rewrites.proof for fix in rewrote if fix.rewrites is not None and fix.rewrites.proof), None)
    return (
        "hidden",
        f"{names} removes it: {_proven(proof).lower()}, no time gained that can be shown here; in patch.diff.",
    )


def _proven(proof: RewriteProof | None) -> str:
    if proof is None:
        return "Proven equal"
    where = "the simulated device" if proof.device == "simulated" else "the device"
    same = "the same bits" if proof.equal else f"equal within rounding ({proof.max_rel_diff:.1e})"
    counts = f"copies and waits in the loop {proof.before.total} to {proof.after.total} on {where}"
    confirm = ", to be confirmed on a GPU" if proof.to_confirm else ""
    return f"Proven: {counts}, output {same}{confirm}"


def _rewrote(fix: FixResult, finding: Finding) -> bool:
    return fix.rewrites is not None and any(
        site.file and _same_place(site.where, where) for site in fix.rewrites.sites for where in finding.locations
    )


def _overlap(one: Finding, two: Finding) -> bool:
    return any(_same_lines(a, b) for a in one.locations[:1] for b in two.locations[:1])


def _same_place(one: Location, two: Location) -> bool:
    return (one.file, one.line, one.column) == (two.file, two.line, two.column)


def _same_lines(one: Location, two: Location) -> bool:
    return one.file == two.file and one.line <= (two.end_line or two.line) and two.line <= (one.end_line or one.line)
