"""What is said of source fixes and of the findings that they rewrote."""

import msgspec

from sdprof.model import Finding, FixResult, FixRewrites, Location, LoopTransfers, Patch, RewriteProof, RewrittenSite
from sdprof.stages.offer import Offer
from sdprof.stages.source_results import told_of_source
from sdprof.stages.verdicts import settled_findings
from tests.stages.made import finding, fix_result

HERE = Location(file="/home/loop.py", line=7, column=4, end_line=7, end_column=20)
THERE = Location(file="/home/loop.py", line=9, column=4, end_line=9, end_column=20)
PROOF = RewriteProof(
    device="simulated",
    before=LoopTransfers(steps=4, sync=8),
    after=LoopTransfers(steps=4, sync=4),
    equal=True,
)
WAITS = (finding("sync-in-loop", locations=(HERE,)), finding("sync-in-loop", locations=(THERE,)))

CLEAN = (finding("sync-in-loop", status="passed"),)


def rewriting(
    *, in_patch: bool = True, applied: bool = False, declined: str = "", proof: RewriteProof = PROOF
) -> FixResult:
    site = RewrittenSite(fix="keep", where=HERE, file="" if declined else "/home/loop.py", declined=declined)
    return msgspec.structs.replace(
        fix_result("keep", applied=applied, removes=("sync-in-loop",)),
        kind="source",
        rewrites=FixRewrites(sites=(site,), proof=proof, in_patch=in_patch),
    )


def settled(fix: FixResult, *, seen_again: tuple[Finding, ...] | None) -> list[tuple[str, str]]:
    found = settled_findings(WAITS, (fix,), 1.0, frozenset(), frozenset(), seen_again)
    return [(each.status, each.reason) for each in found]


def test_only_the_finding_at_the_rewritten_expression_is_cured() -> None:
    here, there = settled(rewriting(), seen_again=WAITS[1:])
    assert here[0] == "hidden"
    assert "copies and waits in the loop 8 to 4 on the simulated device, output the same bits" in here[1]
    assert there == ("open", "No fix for it is known here.")


def test_a_fix_of_the_plan_makes_it_fixed() -> None:
    assert settled(rewriting(applied=True), seen_again=CLEAN)[0][0] == "fixed"


def test_what_was_seen_again_is_open_whatever_the_fix_did() -> None:
    again = (finding("sync-in-loop", locations=(msgspec.structs.replace(HERE, column=None),)),)
    assert settled(rewriting(), seen_again=again)[0] == ("open", "keep rewrote it, and it was seen again.")


def test_a_declined_site_gives_its_reason() -> None:
    status, reason = settled(rewriting(in_patch=False, declined="It is random."), seen_again=None)[0]
    assert status == "declined"
    assert "It is random." in reason


def test_what_a_fix_declined_here_it_does_not_cure_whatever_it_did_elsewhere() -> None:
    status, reason = settled(rewriting(applied=True, declined="Nothing is printed."), seen_again=())[0]
    assert (status, reason) == ("declined", "keep: Nothing is printed.")


def test_what_is_gone_because_of_a_rewrite_elsewhere_is_told_of_that_rewrite() -> None:
    _, there = settled(rewriting(applied=True), seen_again=CLEAN)
    assert there == ("fixed", "keep rewrote other lines, and the finding was not seen again.")


def test_what_no_fix_was_meant_for_is_gone_with_the_patch_when_it_is_not_seen_again() -> None:
    compiled_again = finding("recompiles", locations=(THERE,))
    passed = finding("recompiles", status="passed")
    (told,) = settled_findings((compiled_again,), (rewriting(applied=True),), 1.0, None, frozenset(), (passed,))
    assert (told.status, told.reason) == ("fixed", "The patch rewrote other lines, and the finding was not seen again.")


def test_nothing_is_gone_where_the_audit_did_not_look_again() -> None:
    here, there = settled(rewriting(), seen_again=())
    assert here[0] != "fixed"
    assert there[0] == "open"


def test_what_is_seen_with_grad_alone_is_not_gone_because_it_is_not_seen_without() -> None:
    with_grad = finding("graph-breaks", locations=(THERE,), region="unet with grad")
    passed = finding("graph-breaks", status="passed")
    fix = msgspec.structs.replace(rewriting(applied=True), removes=("graph-breaks",))
    (told,) = settled_findings((with_grad,), (fix,), 1.0, None, frozenset(), (passed,))
    assert told.status == "open"


def test_what_a_gpu_has_to_confirm_is_said() -> None:
    proof = msgspec.structs.replace(PROOF, to_confirm=True, equal=False, max_rel_diff=2e-7)
    assert (
        "equal within rounding (2.0e-07), to be confirmed on a GPU"
        in settled(rewriting(proof=proof), seen_again=CLEAN)[0][1]
    )


def test_without_a_proof_alone_that_of_the_whole_patch_is_given_and_said_to_be_so() -> None:
    fix = rewriting()
    assert fix.rewrites is not None
    unproven = msgspec.structs.replace(fix.rewrites, proof=None)
    told = told_of_source(fix, unproven, Offer(patch=Patch(fixes=("keep",), files=(), text="", proof=PROOF)))
    assert told.rewrites is not None
    assert told.rewrites.proof == PROOF
    assert "Proven (with the other fixes of the patch): copies and waits in the loop 8 to 4" in told.reason


def test_a_fix_that_is_rolled_back_says_why_first() -> None:
    fix = rewriting(in_patch=False)
    assert fix.rewrites is not None
    told = told_of_source(fix, fix.rewrites, Offer(reasons={"keep": "Rolled back: it hung."}))
    assert told.reason == "Rolled back: it hung. because of keep."
    assert told.rewrites is not None
    assert not told.rewrites.in_patch
